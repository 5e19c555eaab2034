// longwave.hpp: pipelines that move take their hooks along, one may end in its own hook, and no text is cut. For AddressSanitizer.

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

    try {
        server.remove_mount(std::string("/a\0b", 4));
        expect(false, "a text was cut at its NUL");
    } catch (const std::invalid_argument &) {
    }
    std::puts("C++: pipelines move with their hooks, and end in them");
}
