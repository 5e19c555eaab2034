// longwave.hpp: pipelines that move take their hooks along, one may end in its own hook, no text is cut, and
// a mount that nobody has is an error. For AddressSanitizer.

#include "common.hpp"

#include <atomic>
#include <memory>
#include <vector>

static void unknown_mounts(longwave::server &server, longwave::pipeline &pipeline, const char *mount)
{
    CHECK(pipeline.listener_count(mount) == 0 && server.listener_count() == 0);
    CHECK(failure([&] { pipeline.listener_count("/typo"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { server.listener_count("/typo"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { server.mount_info("/typo"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { server.remove_mount("/typo"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { pipeline.update_metadata("A", "/typo"); }) == LW_NOT_FOUND);
    pipeline.stop();
    CHECK(failure([&] { pipeline.listener_count("/typo"); }) == LW_STOPPED);
}

int main()
{
    longwave::server server("listen = '127.0.0.1:0'");
    server.start();
    auto made = [&](const char *mount) {
        std::string text = "name = 'p" + std::string(mount + 1) +
                           "'\ndead_air_after = 'off'\n[[output]]\nformat = 'mp3'\nmount = '" + mount + "'\n";
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
        UNTIL(first > 0 && second > 0);
        std::swap(pipelines[0], pipelines[1]);
        pipelines[0] = std::move(pipelines[1]);
        int before = first;
        pipelines[0].stop();
        // The one that was moved hears of its end.
        UNTIL(first > before);
        pipelines.erase(pipelines.begin());
    }

    auto ends = std::make_unique<longwave::pipeline>(made("/c"));
    std::atomic<bool> has_ended{ false };
    ends->add_hook("pipeline-start",
                   [&ends, &has_ended, own = std::make_shared<int>(7)](const std::string &) {
                       ends.reset();
                       has_ended = *own == 7;
                   });
    ends->start();
    UNTIL(has_ended.load());

    auto asked = made("/d");
    asked.start();
    unknown_mounts(server, asked, "/d");

    bool is_refused = false;
    try {
        server.remove_mount(std::string("/a\0b", 4));
    } catch (const std::invalid_argument &) {
        is_refused = true;
    }
    CHECK(is_refused);
    std::puts("C++: pipelines move with their hooks, and end in them; unknown mounts are errors");
}
