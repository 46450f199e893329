// pull, push, load, save, import.
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "api/oci/platform.h"
#include "api/oci/reference.h"
#include "cli/client/progress.h"
#include "cli/client/terminal.h"
#include "cli/commands/commands.h"
#include "cli/commands/list_format.h"
#include "platform/base/strings.h"
#include "platform/sys/check.h"
#include "platform/sys/file.h"

namespace commands {
namespace {

using base::Code;
using base::fail;

constexpr Flag kPullFlags[] = {
    {"all-tags", 'a', Kind::kBool, "", "Download all tagged images in the repository"},
    {"disable-content-trust", 0, Kind::kBool, "", "Skip image verification (default true)", "true"},
    {"platform", 0, Kind::kString, "string", "Set platform if server is multi-platform capable"},
    {"quiet", 'q', Kind::kBool, "", "Suppress verbose output"},
};

constexpr Flag kPushFlags[] = {
    {"all-tags", 'a', Kind::kBool, "", "Push all tags of an image to the repository"},
    {"disable-content-trust", 0, Kind::kBool, "", "Skip image signing (default true)", "true"},
    {"platform", 0, Kind::kString, "string",
     "Push a platform-specific manifest as a single-platform image to the registry.\n"
     "Image index won't be pushed, meaning that other manifests, including attestations won't be "
     "preserved.\n"
     "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)"},
    {"quiet", 'q', Kind::kBool, "", "Suppress verbose output"},
};

constexpr Flag kLoadFlags[] = {
    {"input", 'i', Kind::kString, "string", "Read from tar archive file, instead of STDIN"},
    {"platform", 0, Kind::kString, "string",
     "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., "
     "\"linux/amd64\")"},
    {"quiet", 'q', Kind::kBool, "", "Suppress the load output"},
};

constexpr Flag kSaveFlags[] = {
    {"output", 'o', Kind::kString, "string", "Write to a file, instead of STDOUT"},
    {"platform", 0, Kind::kString, "string",
     "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., "
     "\"linux/amd64\")"},
};

constexpr Flag kImportFlags[] = {
    {"change", 'c', Kind::kList, "list", "Apply Dockerfile instruction to the created image"},
    {"message", 'm', Kind::kString, "string", "Set commit message for imported image"},
    {"platform", 0, Kind::kString, "string", "Set platform if server is multi-platform capable"},
};

// Shows a progress stream on `fd`, in place when that is a terminal.
client::ProgressDisplay displayOn(int fd) {
  const unsigned width = client::isTerminal(fd) ? std::max(client::terminalSize(fd).width, 1u) : 0;
  return {[fd](std::string_view text) {
            sys::writeAll(fd, text, fd == STDERR_FILENO ? "/dev/stderr" : "/dev/stdout");
          },
          width};
}

// Reads a progress stream to its end and lets only its error be seen.
using OnResult = std::function<void(const json::Value&)>;

void drainQuietly(http::ClientResponse& response, const OnResult& result = {}) {
  client::ProgressDisplay silent([](std::string_view) {}, 0);
  client::showProgress(response, silent, result);
}

client::CallOptions withAuth(Cli& cli, const std::string& image, bool mustKnow = false) {
  client::CallOptions options;
  std::string auth;
  try {
    auth = cli.registryAuth(image);
  } catch (const base::Error&) {  // a helper that fails; the image may be for everybody
    if (mustKnow) throw;
  }
  options.headers.emplace_back("X-Registry-Auth", auth.empty() ? "e30=" : auth);  // {} says: nobody
  return options;
}

std::string chosenPlatform(const Flags& flags) {
  const char* fallback = std::getenv("DOCKER_DEFAULT_PLATFORM");
  return flags.changed("platform") || !fallback ? flags.text("platform") : fallback;
}

int runPull(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet"), all = flags.on("all-tags");
  const oci::Reference reference = oci::Reference::parse(invocation.args[0]);
  if (all && !reference.isNameOnly())
    fail(Code::kInvalidArgument, "tag can't be used with --all-tags/-a");
  if (!all && reference.isNameOnly() && !quiet)
    cli.print(fmt::format("Using default tag: {}\n", reference.withDefaultTag().tag()));
  cli.flush();
  const oci::Reference wanted = all ? reference : reference.withDefaultTag();
  pullImage(cli, invocation.args[0], chosenPlatform(flags), all, STDOUT_FILENO, quiet);
  cli.print(wanted.str() + "\n");
  return 0;
}

void showPushPlatformNote(Cli& cli) {
  cli.writeError(
      "\n Info -> Using --platform pushes only the specified platform manifest of a multi-platform "
      "image index.\n"
      "         Other components, like attestations, will not be included.\n"
      "         To push the complete multi-platform image, remove the --platform flag.\n         "
      "\n");
}

// What the engine has to say about a push beside its digest; coloured as docker does it, which
// looks at the terminal for the rest only.
void showPushNotes(Cli& cli, const json::Value& result) {
  const json::Value* instead = result.find("manifestPushedInsteadOfIndex");
  if (!instead || !instead->isBool() || !instead->asBool()) return;
  const std::string first =
      "Not all multiplatform-content is present and only the available single-platform image was "
      "pushed";
  const std::string second = fmt::format("\x1b[31m{}\x1b[0m -> \x1b[32m{}\x1b[0m",
                                         result["originalIndex"]["digest"].asString(),
                                         result["selectedManifest"]["digest"].asString());
  if (client::isTerminal(STDOUT_FILENO)) {
    cli.print(
        fmt::format("\n\x1b[1m\x1b[106m\x1b[30mi\x1b[0m\x1b[0m \x1b[96mInfo \u2192 "
                    "\x1b[0m\x1b[0m\x1b[3m{}\x1b[0m\n"
                    "         \x1b[3m{}\x1b[0m\n",
                    first, second));
  } else {
    cli.print(fmt::format("\n Info -> {}\n         {}\n", first, second));
  }
}

int runPush(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const bool quiet = flags.on("quiet"), all = flags.on("all-tags");
  oci::Reference reference = oci::Reference::parse(invocation.args[0]);
  if (all && !reference.isNameOnly())
    fail(Code::kInvalidArgument, "tag can't be used with --all-tags/-a");
  if (!all && reference.isNameOnly()) {
    reference = reference.withDefaultTag();
    if (!quiet) cli.print(fmt::format("Using default tag: {}\n", reference.tag()));
  }
  client::QueryString query;
  if (!flags.text("platform").empty()) {
    query.add("platform", platformJson(flags.text("platform")));
    showPushPlatformNote(cli);
  }
  query.addIf(!reference.tag().empty(), "tag", reference.tag());
  client::CallOptions options = withAuth(cli, reference.name());
  options.body = "{}";
  cli.flush();
  const auto response =
      cli.engine().open("POST", imagePath(reference.name(), "/push"), query, options);
  std::vector<json::Value> results;
  const OnResult keep = [&](const json::Value& result) { results.push_back(result); };
  if (quiet) {
    drainQuietly(*response, keep);
    cli.print(reference.str() + "\n");
  } else {
    client::ProgressDisplay display = displayOn(STDOUT_FILENO);
    client::showProgress(*response, display, keep);
  }
  for (const json::Value& result : results) showPushNotes(cli, result);
  return 0;
}

std::function<size_t(std::span<char>)> readerOf(int fd, const std::string& name) {
  return [fd, name](std::span<char> into) {
    const ssize_t n = sys::retry([&] { return ::read(fd, into.data(), into.size()); });
    return static_cast<size_t>(sys::check(n, "read", name));
  };
}

sys::Fd openInput(const std::string& path) {
  auto file = sys::openAtIfExists(AT_FDCWD, path, O_RDONLY);
  if (!file) fail(Code::kNotFound, "open {}: no such file or directory", path);
  return std::move(*file);
}

int runLoad(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  sys::Fd file;
  const std::string& input = flags.text("input");
  if (!input.empty()) {
    file = openInput(input);
  } else if (client::isTerminal(STDIN_FILENO)) {
    fail(Code::kInvalidArgument, "requested load from stdin, but stdin is empty");
  }
  const bool quiet = flags.on("quiet") || !client::isTerminal(STDOUT_FILENO);
  client::QueryString query;
  if (const std::string& platform = flags.text("platform"); !platform.empty())
    query.add("platform", base::within("invalid platform", [&] { return platformJson(platform); }));
  query.add("quiet", quiet ? "1" : "0");
  client::CallOptions options;
  options.contentType = "application/x-tar";
  options.bodySource =
      file.valid() ? readerOf(file.get(), input) : readerOf(STDIN_FILENO, "/dev/stdin");
  const auto response = cli.engine().open("POST", "/images/load", query, options);
  if (response->headers.get("Content-Type").starts_with("application/json")) {
    client::ProgressDisplay display = displayOn(STDOUT_FILENO);
    client::showProgress(*response, display);
  } else {
    copyBody(*response, STDOUT_FILENO);
  }
  return 0;
}

int runSave(Invocation& invocation) {
  const Flags& flags = invocation.flags;
  const std::string& output = flags.text("output");
  if (output.empty() && client::isTerminal(STDOUT_FILENO)) {
    fail(Code::kInvalidArgument,
         "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
  client::QueryString query;
  for (const std::string& image : invocation.args) query.add("names", image);
  if (const std::string& platform = flags.text("platform"); !platform.empty())
    query.add("platform", base::within("invalid platform", [&] { return platformJson(platform); }));
  const auto response = invocation.cli.engine().open("GET", "/images/get", query);
  saveBody(*response, output, "failed to save image");
  return 0;
}

int runImport(Invocation& invocation) {
  Cli& cli = invocation.cli;
  const Flags& flags = invocation.flags;
  const std::string& source = invocation.args[0];
  client::QueryString query;
  for (const std::string& change : flags.list("change")) query.add("changes", change);
  sys::Fd file;
  client::CallOptions options;
  options.contentType = "text/plain";
  const bool url = source.starts_with("http://") || source.starts_with("https://") ||
                   source.starts_with("ftp://");
  if (!url) {
    if (source != "-") file = openInput(source);
    options.bodySource =
        file.valid() ? readerOf(file.get(), source) : readerOf(STDIN_FILENO, "/dev/stdin");
  }
  query.add("fromSrc", url ? source : "-");
  query.addIf(!flags.text("message").empty(), "message", flags.text("message"));
  const std::string platform = chosenPlatform(flags);
  query.addIf(!platform.empty(), "platform", base::lower(platform));
  if (invocation.args.size() > 1) {
    oci::Reference::parse(invocation.args[1]);
    query.add("repo", invocation.args[1]);
  }
  const auto response = cli.engine().open("POST", "/images/create", query, options);
  client::ProgressDisplay display = displayOn(STDOUT_FILENO);
  client::showProgress(*response, display);
  return 0;
}

}  // namespace

void pullImage(Cli& cli, const std::string& image, const std::string& platform, bool allTags,
               int fd, bool quiet) {
  // docker lets a helper for credentials fail in pull and push, but not where run pulls.
  const bool forRun = fd == STDERR_FILENO;
  const oci::Reference parsed = oci::Reference::parse(image);
  const oci::Reference reference = allTags ? parsed : parsed.withDefaultTag();
  client::QueryString query;
  query.add("fromImage", reference.name());
  query.addIf(!platform.empty(), "platform", base::lower(platform));
  if (!reference.digest().empty()) {
    query.add("tag", reference.digest().str());
  } else {
    query.addIf(!reference.tag().empty(), "tag", reference.tag());
  }
  const auto response =
      cli.engine().open("POST", "/images/create", query, withAuth(cli, reference.name(), forRun));
  if (quiet) return drainQuietly(*response);
  client::ProgressDisplay display = displayOn(fd);
  client::showProgress(*response, display);
}

constinit const Command kImagePull = {"[OPTIONS] NAME[:TAG|@DIGEST]",
                                      "Download an image from a registry",
                                      nullptr,
                                      "@ image pull, @ pull",
                                      kPullFlags,
                                      nullptr,
                                      {1, 1},
                                      true,
                                      runPull};
constinit const Command kImagePush = {"[OPTIONS] NAME[:TAG]",
                                      "Upload an image to a registry",
                                      nullptr,
                                      "@ image push, @ push",
                                      kPushFlags,
                                      nullptr,
                                      {1, 1},
                                      true,
                                      runPush};
constinit const Command kImageLoad = {"[OPTIONS]", "Load an image from a tar archive or STDIN",
                                      nullptr,     "@ image load, @ load",
                                      kLoadFlags,  nullptr,
                                      {0, 0},      true,
                                      runLoad};
constinit const Command kImageSave = {
    "[OPTIONS] IMAGE [IMAGE...]",
    "Save one or more images to a tar archive (streamed to STDOUT by default)",
    nullptr,
    "@ image save, @ save",
    kSaveFlags,
    nullptr,
    {1, -1},
    true,
    runSave};
constinit const Command kImageImport = {
    "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    "Import the contents from a tarball to create a filesystem image",
    nullptr,
    "@ image import, @ import",
    kImportFlags,
    nullptr,
    {1, -1},
    true,
    runImport};

}  // namespace commands
