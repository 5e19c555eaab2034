// longwave.hpp: everything that longwave.h has, once. For AddressSanitizer, as C++17 and as C++20.

#include "common.hpp"

#include <poll.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

static bool has(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

static void without_a_station(const std::string &music)
{
    CHECK(longwave::abi_version() >= LW_ABI_VERSION && !longwave::version().empty());
    CHECK(has(longwave::codecs(), "licence"));
    CHECK(has(longwave::read_metadata(music), "\"duration\""));
    CHECK(longwave::format_title(music) == "a");
    CHECK(longwave::format_title(music, R"({"artist": "A", "name": "T"})") == "A - T");
    CHECK(failure([&] { longwave::read_metadata("/nowhere"); }) == LW_FILE);

    longwave::encoder encoder("format = 'mp3'", 44100, 2);
    std::vector<float> pcm(2 * 4410);
    std::vector<int16_t> pcm16(2 * 4410);
    std::string bytes = encoder.encode(pcm.data(), 4410) + encoder.encode(pcm16.data(), 4410);
#if __cplusplus >= 202002L
    bytes += encoder.encode(std::span<const float>(pcm)) + encoder.encode(std::span<const int16_t>(pcm16));
#endif
    bytes += encoder.flush();
    CHECK(bytes.size() > 1000 && encoder.delay() > 0 && encoder.content_type() == "audio/mpeg");
    CHECK(failure([] { longwave::encoder("format = 'mp3'", 1, 2); }) == LW_SETTING);
}

static void programme(longwave::pipeline &pipeline, const std::string &music)
{
    // What is queued while nothing is on the air is on the air.
    pipeline.play_file(music, "First");
    UNTIL(pipeline.current_title() == "First");
    auto id = pipeline.queue_file(music, "Queued");
    CHECK(has(pipeline.entry(id), "Queued") && has(pipeline.queue(), "Queued"));
    CHECK(pipeline.queue_files(R"(["/x.mp3"])", true).front() == '[');
    pipeline.move_to(id, 0);
    pipeline.remove(id);
    pipeline.clear_queue();
    CHECK(failure([&] { pipeline.remove(id); }) == LW_NOT_FOUND);
    pipeline.play_list("list", "[\"" + music + "\"]", R"({"loop": true, "now": true})");
    pipeline.set_loop(true);
    pipeline.set_shuffle(false);
    pipeline.set_fades(100ms, {}, 0ms);
    pipeline.set_title_format("Radio X: {title}");
    CHECK(pipeline.title_format() == "Radio X: {title}");
    pipeline.play_file(music);
    UNTIL(pipeline.current_title() == "Radio X: a");
    pipeline.set_title_format("");
    CHECK(!pipeline.title_format());
    CHECK(has(pipeline.current_track().value(), "\"title\"") && pipeline.played() &&
          pipeline.remaining() > 1s);
    // No library keeps it.
    auto news = R"({"name": "News", "at": "daily 07:00", "play": "news.mp3"})";
    CHECK(failure([&] { pipeline.set_ingredient("slot", news); }) == LW_SETTING);
    CHECK(failure([&] { pipeline.set_ingredient("show", news); }) == LW_INVALID);
    CHECK(failure([&] { pipeline.remove_ingredient("slot", "News"); }) == LW_SETTING);
    CHECK(has(pipeline.up_next(3), "a.wav") && has(pipeline.history(), "began_at"));
    UNTIL(has(pipeline.playlist().value_or(""), "\"name\":\"list\""));
    pipeline.update_metadata("Guest", "", true, "http://guest.example/");
    UNTIL(has(pipeline.server().mount_info("/a.mp3"), "Guest"));
    pipeline.clear_metadata();
    pipeline.seek(1s);
    pipeline.hold(0ms);
    UNTIL(pipeline.is_held());
    pipeline.resume(0ms);
    UNTIL(!pipeline.is_held());
    pipeline.hold_after_current();
    UNTIL(pipeline.hold_state() == "after-current");
    pipeline.resume(0ms);
    UNTIL(pipeline.hold_state() == "released");
    pipeline.skip();
    CHECK(has(pipeline.levels(), "momentary_lufs") && has(pipeline.fill(), "max_queue"));
    CHECK(has(pipeline.health(), "problems") && pipeline.time_on_air() > 0ms);
    pipeline.restore(pipeline.snapshot());
    pipeline.play_path(music);
    CHECK(failure([&] { pipeline.restore("x"); }) == LW_INVALID);
}

static void voices(longwave::pipeline &pipeline, const std::string &music)
{
    auto deck = pipeline.play_voice(music, 0.5, true);
    pipeline.seek_voice(deck, 1s);
    pipeline.resume_voice(deck);
    pipeline.set_volume(deck, 0.25);
    pipeline.ramp_volume(deck, 1, 10ms, "linear");
    pipeline.pause_voice(deck);
    UNTIL(has(pipeline.voices(), "a.wav"));
    pipeline.stop_voice(deck, 0ms);

    auto announcement = pipeline.announce(music);
    UNTIL(has(pipeline.announcements(), "\"sounding\":true"));
    pipeline.stop_announcement(announcement);
    pipeline.stop_announcements();
    UNTIL(pipeline.announcements() == "[]");
    CHECK(failure([&] { pipeline.announce("nowhere.wav"); }) == LW_FILE);
    UNTIL(has(pipeline.live_inputs(), "\"absent\"") && pipeline.forced_air() == "null");
    pipeline.force_programme();
    UNTIL(pipeline.forced_air() == "\"programme\"");
    pipeline.release_live();
    UNTIL(pipeline.forced_air() == "null");
    CHECK(failure([&] { pipeline.force_live("/live"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { pipeline.mute_live("/live"); }) == LW_NOT_FOUND);
    CHECK(failure([&] { pipeline.unmute_live("/live"); }) == LW_NOT_FOUND);

    auto source = pipeline.go_live("/dj", R"({"user": "anna"})");
    CHECK(source.write("abc", 3) == 3 && has(source.state(), "anna"));
    source.set_title("Ein Lied");
    CHECK(failure([&] { pipeline.go_live("/dj"); }) == LW_EXISTS);

    std::vector<float> pcm(22050, 0.1f);
    auto input = pipeline.play_input();
    CHECK(input.voice() > 0 && input.push(pcm.data(), pcm.size()) == pcm.size());
    CHECK(input.push_within(pcm.data(), pcm.size(), 5s) == pcm.size());
    auto pipe = pipeline.play_pipe("f32le");
    CHECK(pipe.voice > 0 && write(pipe.fd, pcm.data(), 400) == 400);
    close(pipe.fd);

    auto tap = pipeline.tap();
    pollfd waits{ tap.fd(), POLLIN, 0 };
    CHECK(poll(&waits, 1, 20000) == 1);
    auto first = tap.read(pcm.data(), 100, 20s), second = tap.read(pcm.data(), 100, 20s);
    CHECK(first.frames > 0 && second.position == first.position + first.frames && tap.lost() == 0);
    pipeline.stop_all_voices(0ms);
}

static std::atomic<int> encoders{ 0 }, encoded{ 0 }, fails{ 0 };

struct counting : longwave::own_encoder {
    counting() { encoders++; }
    ~counting() override { encoders--; }
    void encode(const float *, std::size_t frames, longwave::packets &out) override
    {
        if (fails.exchange(0)) {
            throw std::runtime_error("on purpose");
        }
        out.add("packet", 6, static_cast<uint32_t>(frames));
        encoded++;
    }
};

static void outputs(longwave::pipeline &pipeline)
{
    pipeline.add_output("format = 'mp3'\nmount = '/b.mp3'");
    pipeline.update_output("format = 'mp3'\nmount = '/b.mp3'\nname = 'B'");
    pipeline.replace_encoder("/b.mp3", "format = 'mp3'\nbitrate = 64");
    pipeline.remove_output("/b.mp3");
    auto open = [own = std::make_shared<int>(7)](uint32_t rate, uint32_t channels, longwave::packets &out) {
        CHECK(rate == 22050 && channels == 1 && *own == 7);
        out.header("HEAD", 4);
        out.delay(1);
        return std::make_unique<counting>();
    };
    pipeline.add_own_output("/own", "content_type = 'audio/x-own'", open);
    CHECK(has(pipeline.mounts(), "/own"));
    UNTIL(encoded > 2);
    fails = 1;
    UNTIL(encoders == 0);
    UNTIL(encoders == 1);
    pipeline.remove_output("/own");
    CHECK(encoders == 0);
    auto refuses = [](uint32_t, uint32_t, longwave::packets &) -> std::unique_ptr<longwave::own_encoder> {
        throw std::runtime_error("not today");
    };
    CHECK(failure([&] { pipeline.add_own_output("/no", "content_type = 'audio/x-own'", refuses); }) ==
          LW_ENCODER);
    CHECK(has(lw_last_error(), "not today"));
    // This one ends with the pipeline's object.
    pipeline.add_own_output("/own", "content_type = 'audio/x-own'", open);
}

static void server_calls(longwave::server &server)
{
    CHECK(server.is_running() && has(server.addresses(), "127.0.0.1"));
    server.add_mount("mount = '/live'\ncontent_type = 'audio/mpeg'");
    server.update_mount("mount = '/live'\ncontent_type = 'audio/mpeg'\nname = 'L'");
    const char bytes[100] = {};
    CHECK(server.write_audio("/live", bytes, sizeof bytes) == sizeof bytes);
#if __cplusplus >= 202002L
    CHECK(server.write_audio("/live", std::as_bytes(std::span(bytes))) == sizeof bytes);
#endif
    server.update_metadata("/live", "T");
    server.set_header("/live", bytes, 4);
    CHECK(has(server.mount_info("/live"), "garbage_bytes") && has(server.mounts(), "/live"));
    CHECK(server.changed_at("/live") <= std::chrono::system_clock::now());
    server.remove_mount("/live");
    server.expect("/soon");
    server.expect_no_more("/soon");
    server.reconfigure("max_listeners = 5");
    server.reopen_logs();
    CHECK(has(server.stats(), "listeners") && has(server.health(), "\"ok\":true"));

    CHECK(server.event_fd() >= 0 && !server.next_event(0ms));
    int player = ask(server.port(), "GET /a.mp3 HTTP/1.0\r\n\r\n");
    UNTIL(has(server.listeners("/a.mp3"), "\"id\":"));
    auto text = server.listeners();
    auto id = std::strtoull(text.c_str() + text.find("\"id\":") + 5, nullptr, 10);
    UNTIL(server.listener_count() == 1 && server.listener_count("/a.mp3") == 1);
    server.kick(id);
    CHECK(*answered(player));
    std::string events;
    UNTIL(has(events += server.next_event(1s).value_or(""), "\"reason\":\"kicked\""));
    CHECK(failure([&] { server.kick(id); }) == LW_NOT_FOUND);

    auto requests = server.take_requests(R"(["/hello"])", 8);
    CHECK(!requests.next(0ms));
    int client = ask(server.port(), "POST /hello?x=1 HTTP/1.0\r\nX-Y: z\r\nContent-Length: 2\r\n\r\nhi");
    auto request = requests.next(20s);
    CHECK(request && has(request->info(), "POST") && request->parameter("x") == "1" &&
          !request->parameter("y"));
    CHECK(request->header("x-y") == "z" && request->body() == "hi");
    request->answer(200, "hello", R"({"X-More": "1"})");
    CHECK(has(answered(client), "X-More: 1\r\n"));
    std::thread closes([&] {
        std::this_thread::sleep_for(50ms);
        requests.close();
    });
    CHECK(failure([&] { requests.next(longwave::forever); }) == LW_STOPPED);
    closes.join();
}

// A function decides who may send, also when its station has moved.
static void sources()
{
    longwave::station station(STATION), other(STATION);
    std::atomic<int> asked{ 0 };
    station.admit_sources([&, own = std::make_shared<int>(1)](const std::string &description) -> std::string {
        asked += *own;
        if (has(description, "\"password\":\"right\"")) {
            return "Änna";
        }
        if (has(description, "\"user\":\"crash\"")) {
            throw std::runtime_error("no more schedules");
        }
        throw longwave::refused("another password");
    });
    std::swap(station, other);
    auto moved = std::move(other);
    moved.start();
    auto port = moved.server().port();
    const std::string refused = answered(ask(port, SOURCE_OF("YW5uYTp3cm9uZw==")));
    CHECK(has(refused, " 403 ") && has(refused, "another password"));
    const std::string failed = answered(ask(port, SOURCE_OF("Y3Jhc2g6eA==")));
    CHECK(has(failed, " 403 ") && has(failed, "own code has failed") && !has(failed, "schedules"));
    int source = ask(port, ANNA);
    UNTIL(has(moved.sources(), "\"user\":\"Änna\""));
    UNTIL(has(moved.pipeline().live_inputs(), "\"buffering\"") && !moved.pipeline().live());
    moved.update_source_metadata("/dj", "Ein Lied");
    auto text = moved.sources();
    moved.kick_source(std::strtoull(text.c_str() + text.find("\"id\":") + 5, nullptr, 10));
    UNTIL(moved.sources() == "[]");
    CHECK(failure([&] { moved.kick_source(99); }) == LW_NOT_FOUND);
    close(source);
    CHECK(asked == 3);
    moved.admit_sources({});
    CHECK(has(answered(ask(port, ANNA)), " 403 ") && asked == 3);

    // One that ends its own station.
    auto ends = std::make_unique<longwave::station>(STATION);
    std::atomic<bool> has_ended{ false };
    ends->admit_sources([&, own = std::make_shared<int>(7)](const std::string &) {
        ends.reset();
        has_ended = *own == 7;
        return "nobody";
    });
    ends->start();
    port = ends->server().port();
    close(ask(port, ANNA));
    UNTIL(has_ended.load());
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    const std::string folder = argv[1], music = folder + "/a.wav";
    tone(music.c_str(), 440, 60);
    std::atomic<int> lines{ 0 };
    longwave::log_to([&, own = std::make_shared<int>(1)](int, const std::string &, const std::string &) {
        lines += *own;
    });
    without_a_station(music);
    sources();
    {
        longwave::station station(STATION);
        auto server = station.server();
        auto pipeline = station.pipeline("main");
        std::atomic<int> asked{ 0 }, heard{ 0 };
        pipeline.on_next_track([&] {
            asked++;
            throw std::runtime_error("it goes nowhere");
        });
        auto hook = pipeline.add_hook("pipeline-start", [&](const std::string &) { heard++; });
        station.start();
        UNTIL(heard == 1 && asked > 0);
        pipeline.on_next_track([&] { pipeline.queue_file(music, "Asked"); });
        pipeline.on_next_track({});
        pipeline.remove_hook(hook);
        CHECK(pipeline.name() == "main" && pipeline.spec() == std::make_pair(22050u, 1u) &&
              pipeline.is_running());
        CHECK(pipeline.event_fd() >= 0 && pipeline.next_event(20s));
        programme(pipeline, music);
        voices(pipeline, music);
        outputs(pipeline);
        server_calls(server);
        CHECK(pipeline.listener_count() == 0);
        CHECK(has(station.pipelines(), "main") && has(station.reload(STATION), "\"failed\":[]"));
        CHECK(failure([&] { station.reload(); }) == LW_INVALID);
        CHECK(failure([&] { station.ask("GET", "/health"); }) == LW_INVALID);
        {
            auto moved = std::move(pipeline);
            CHECK(moved.is_running() && encoders == 1);
        }
        CHECK(encoders == 0);
        CHECK(station.stop() == "[]" && server.stop() == "[]");
        CHECK(failure([&] { server.port(); }) == LW_OK && failure([&] { server.listeners(); }) == LW_STOPPED);
    }
    {
        std::ofstream(folder + "/station.toml") << STATION;
        auto station = longwave::station::read(folder + "/station.toml");
        auto pipeline = station.pipeline();
        pipeline.use_stepped_clock();
        station.start();
        pipeline.step_clock(10min);
        CHECK(pipeline.time_on_air() >= 10min && has(station.reload(), "\"changed\":[]"));
        CHECK(pipeline.stop() == "[]");
    }
    {
        // A next-track function that ends its own pipeline.
        longwave::server server("listen = '127.0.0.1:0'");
        server.start();
        auto ends =
            std::make_unique<longwave::pipeline>("[[output]]\nformat = 'mp3'\nmount = '/c'\n", server);
        std::atomic<bool> has_ended{ false };
        ends->on_next_track([&, own = std::make_shared<int>(7)] {
            ends.reset();
            has_ended = *own == 7;
        });
        ends->start();
        UNTIL(has_ended.load());
        longwave::pipeline alone("[[output]]\nformat = 'mp3'\nmount = '/d'\n");
        CHECK(failure([&] { alone.skip(); }) == LW_STOPPED);
    }
    longwave::log_to({});
    CHECK(lines > 0);
    std::printf("C++%ld: everything that longwave.h has\n", __cplusplus / 100 % 100);
    return 0;
}
