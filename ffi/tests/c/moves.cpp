// longwave.hpp: pipelines that move take their hooks along, one may end in its own hook, no text is cut, and a mount that nobody has
// is an error. For AddressSanitizer.

#include <longwave.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

static void expect(bool is_so, const char *what)
{
    if (!is_so) {
        std::fprintf(stderr, "moves: %s\n", what);
        std::exit(1);
    }
}

template <typename Condition> static void until(const char *what, Condition condition)
{
    for (int i = 0; i < 1000 && !condition(); i++) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    expect(condition(), what);
}

template <typename Call> static void refuses(lw_status status, const char *what, Call call)
{
    try {
        call();
    } catch (const longwave::error &error) {
        expect(error.status() == status && *error.what() != 0, what);
        return;
    }
    expect(false, what);
}

static void unknown_mounts(longwave::server &server, longwave::pipeline &pipeline, const char *mount)
{
    expect(pipeline.listener_count(mount) == 0 && server.listener_count() == 0, "a mount has listeners");
    refuses(LW_NOT_FOUND, "a pipeline counts for a mount that nobody has", [&] { pipeline.listener_count("/typo"); });
    refuses(LW_NOT_FOUND, "a server counts for a mount that nobody has", [&] { server.listener_count("/typo"); });
    refuses(LW_NOT_FOUND, "there is information about no mount", [&] { server.mount_info("/typo"); });
    refuses(LW_NOT_FOUND, "no mount is removed", [&] { server.remove_mount("/typo"); });
    refuses(LW_NOT_FOUND, "no mount has a title", [&] { pipeline.update_metadata("A", "/typo"); });
    pipeline.stop();
    refuses(LW_STOPPED, "a pipeline that has stopped counts", [&] { pipeline.listener_count("/typo"); });
}

int main()
{
    longwave::server server("listen = '127.0.0.1:0'");
    server.start();
    auto made = [&](const char *mount) {
        std::string text = "name = 'p" + std::string(mount + 1) + "'\ndead_air_after = 'off'\n[[output]]\nformat = 'mp3'\nmount = '" + mount + "'\n";
        return longwave::pipeline(text, server);
    };

    // Each hook has something of its own to look at, which is freed with it.
    auto counted = [](std::atomic<int> &count) {
        auto own = std::make_shared<int>(1);
        return [&count, own](const std::string &) { count += *own; };
    };
    std::atomic<int> first{ 0 }, second{ 0 };
    {
        std::vector<longwave::pipeline> pipelines;
        pipelines.push_back(made("/a"));
        pipelines.push_back(made("/b"));
        pipelines[0].add_hook("", counted(first));
        pipelines[1].add_hook("", counted(second));
        for (auto &pipeline : pipelines) {
            pipeline.start();
        }
        until("both hear of their start", [&] { return first > 0 && second > 0; });
        std::swap(pipelines[0], pipelines[1]);
        pipelines[0] = std::move(pipelines[1]);
        int before = first;
        pipelines[0].stop();
        until("who was moved hears of its end", [&] { return first > before; });
        pipelines.erase(pipelines.begin());
    }

    auto ends = std::make_unique<longwave::pipeline>(made("/c"));
    std::atomic<bool> has_ended{ false };
    ends->add_hook("pipeline-start", [&ends, &has_ended, own = std::make_shared<int>(7)](const std::string &) {
        ends.reset();
        has_ended = *own == 7;
    });
    ends->start();
    until("one ends in its own hook", [&] { return has_ended.load(); });

    auto asked = made("/d");
    asked.start();
    unknown_mounts(server, asked, "/d");

    try {
        server.remove_mount(std::string("/a\0b", 4));
        expect(false, "a text was cut at its NUL");
    } catch (const std::invalid_argument &) {
    }
    std::puts("C++: pipelines move with their hooks, and end in them; unknown mounts are errors");
}
