// A station in C++, and a second channel that this program feeds with a tone that it encodes itself.
//
//     c++ -std=c++17 station.cpp $(pkg-config --cflags --libs longwave) -o station
//     ./station ~/Music 60

#include <longwave.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

// In one piece: hooks are called on another thread.
static void say(const std::string &line) {
    std::puts(line.c_str());
    std::fflush(stdout);
}

int main(int argc, char **argv)
try {
    if (argc < 3) {
        std::cerr << "usage: " << argv[0] << " MUSIC SECONDS\n";
        return 2;
    }
    const char *listen = std::getenv("LISTEN");
    longwave::server server("listen = '" + std::string(listen ? listen : "127.0.0.1:8000") + "'");
    server.start();

    longwave::pipeline pipeline(R"(
        name = "main"
        [[output]]
        format = "mp3"
        mount = "/radio.mp3"
    )", server);
    pipeline.add_hook("track-change", [&](const std::string &) {
        say("now: " + pipeline.current_title().value_or("nothing"));
    });
    pipeline.start();
    pipeline.play_path(argv[1], R"({"loop": true, "crossfade": 1})");

    server.add_mount(R"({"mount": "/tone.aac", "content_type": "audio/aac", "bitrate": 64, "sample_rate": 44100})");
    server.update_metadata("/tone.aac", "A tone");
    longwave::encoder encoder(R"({"format": "aac", "bitrate": 64})", 44100, 2);
    for (auto mount : { "/radio.mp3", "/tone.aac" }) {
        say("on air  http://127.0.0.1:" + std::to_string(server.port()) + mount);
    }

    const auto start = std::chrono::steady_clock::now();
    const auto end = start + std::chrono::seconds(std::atoi(argv[2]));
    std::vector<float> pcm(2 * 4410);
    for (long frame = 0; std::chrono::steady_clock::now() < end; frame += 4410) {
        for (long i = 0; i < 4410; i++) {
            pcm[2 * i] = pcm[2 * i + 1] = 0.3f * std::sin(0.0627f * static_cast<float>((frame + i) % 44100));
        }
        const std::string packets = encoder.encode(pcm.data(), 4410);
        server.write_audio("/tone.aac", packets.data(), packets.size());
        std::this_thread::sleep_until(start + std::chrono::milliseconds((frame + 4410) / 44 - (frame + 4410) / 4410 / 5));
    }
    say(std::to_string(server.listener_count()) + " listeners at the end");
} catch (const longwave::error &error) {
    std::cerr << lw_status_name(error.status()) << ": " << error.what() << '\n';
    return 1;
}
