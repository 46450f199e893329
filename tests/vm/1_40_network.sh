# A network of its own with names, and published ports.

test_names_on_a_network() {
  sampan network create inner
  sampan run -d --name web --network inner --network-alias www busybox httpd -f -h /etc
  contains "$(sampan run --rm --network inner busybox wget -qO- http://web/passwd)" root 'by name'
  contains "$(sampan run --rm --network inner busybox wget -qO- http://www/passwd)" root 'by alias'
  sampan rm -f web
  sampan network rm inner
}

test_published_port() {
  sampan run -d --name port -p 8080:80 busybox httpd -f -h /etc
  eventually fetched http://127.0.0.1:8080/passwd
  eventually fetched http://192.0.2.1:8080/passwd
  contains "$(sampan run --rm busybox wget -qO- http://192.0.2.1:8080/passwd)" root 'from another container'
  contains "$(sampan port port)" '80/tcp -> 0.0.0.0:8080' port
  sampan rm -f port
  if (: </dev/tcp/127.0.0.1/8080) 2>/dev/null; then fail 'the port answers without its container'; fi
}
