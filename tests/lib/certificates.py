"""An authority and its certificates, made by openssl for one test run."""
import subprocess


def _openssl(*words):
    subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True)


class Authority:
    def __init__(self, folder, name='Sampan test CA'):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.cert, self.key = folder, folder / 'ca.crt', folder / 'ca.key'
        _openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', self.key, '-out', self.cert,
                 '-days', 2, '-subj', f'/CN={name}', '-addext', 'basicConstraints=critical,CA:TRUE')

    def issue(self, name, *names, days=2, client=False):
        """(certificate, key) for the DNS names or addresses."""
        base = self.folder / name.replace('*', '_')
        cert, key, request, extensions = (base.with_name(base.name + end) for end in ('.crt', '.key', '.csr', '.ext'))
        alternatives = ','.join(('IP:' if each.replace('.', '').isdigit() else 'DNS:') + each for each in (name, *names))
        extensions.write_text(f'subjectAltName={alternatives}\nextendedKeyUsage={"clientAuth" if client else "serverAuth"}\n')
        _openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', request, '-subj', f'/CN={name}')
        _openssl('x509', '-req', '-in', request, '-CA', self.cert, '-CAkey', self.key, '-CAcreateserial', '-out', cert, '-days', days,
                 '-extfile', extensions)
        return str(cert), str(key)
