// longwave.hpp: Longwave for C++17, over longwave.h: objects that close what they hold, errors as exceptions.
//
// What a function does stands in longwave.h, under the same name. Text that comes out is a std::string, a result that may not
// be there a std::optional; times are std::chrono::milliseconds. Objects can be moved, not copied. For what is not here,
// `handle()` gives what the functions of longwave.h take, and `longwave::check` their statuses.

#ifndef LONGWAVE_HPP
#define LONGWAVE_HPP

#include <longwave.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace longwave {

using milliseconds = std::chrono::milliseconds;

// A call that failed: its status, and what lw_last_error said.
class error : public std::runtime_error {
public:
    error(lw_status status, const char *message) : std::runtime_error(message), status_(status) {}
    lw_status status() const noexcept { return status_; }

private:
    lw_status status_;
};

// Throws if a call failed; whether it gave something.
inline bool check(lw_status status)
{
    if (status < 0) {
        throw error(status, lw_last_error());
    }
    return status == LW_OK;
}

namespace detail {

// A handle that is closed at the end.
template <lw_status (*Close)(uint64_t)> class owner {
public:
    owner() = default;
    explicit owner(uint64_t handle) noexcept : handle_(handle) {}
    owner(owner &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
    owner &operator=(owner &&other) noexcept
    {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~owner() { Close(handle_); }
    uint64_t handle() const noexcept { return handle_; }

private:
    uint64_t handle_ = 0;
};

// The text that a call gives, if it gives one.
template <typename Call> std::optional<std::string> text(Call call)
{
    char *out = nullptr;
    if (!check(call(&out))) {
        return std::nullopt;
    }
    std::string text(out);
    lw_free(out);
    return text;
}

// The number that a call gives, if it gives one.
template <typename Number, typename Call> std::optional<Number> number(Call call)
{
    Number out{};
    return check(call(&out)) ? std::optional<Number>(out) : std::nullopt;
}

// All of a text: what follows a NUL must not be lost unnoticed.
inline const char *whole(const std::string &text)
{
    if (text.find('\0') != std::string::npos) {
        throw std::invalid_argument("a text for longwave has a NUL in it");
    }
    return text.c_str();
}
inline const char *or_null(const std::string &text) { return text.empty() ? nullptr : whole(text); }
inline uint64_t ms(milliseconds time) { return static_cast<uint64_t>(time.count() < 0 ? 0 : time.count()); }

} // namespace detail

class server {
public:
    // Declares a server; empty: the defaults.
    explicit server(const std::string &declaration = {})
    {
        uint64_t handle;
        check(lw_server_open(detail::or_null(declaration), &handle));
        own_ = owner(handle);
    }
    static server of(uint64_t handle) { return server(owner(handle)); }

    void start() { check(lw_server_start(handle())); }
    void expect(const std::string &path) { check(lw_server_expect(handle(), path.c_str())); }
    void stop() { check(lw_server_stop(handle(), nullptr)); }
    bool is_running() const
    {
        return *detail::number<int32_t>([&](auto out) { return lw_server_is_running(handle(), out); });
    }
    uint16_t port() const
    {
        return *detail::number<uint16_t>([&](auto out) { return lw_server_port(handle(), out); });
    }
    void reopen_logs() { check(lw_server_reopen_logs(handle())); }
    void add_mount(const std::string &declaration) { check(lw_server_add_mount(handle(), detail::whole(declaration))); }
    void remove_mount(const std::string &mount) { check(lw_server_remove_mount(handle(), detail::whole(mount))); }
    // How many bytes were taken.
    std::size_t write_audio(const std::string &mount, const void *bytes, std::size_t count)
    {
        return *detail::number<std::size_t>([&](auto taken) {
            return lw_server_write_audio(handle(), detail::whole(mount), static_cast<const uint8_t *>(bytes), count, taken);
        });
    }
    void update_metadata(const std::string &mount, const std::string &title, const std::string &url = {})
    {
        check(lw_server_update_metadata(handle(), detail::whole(mount), detail::whole(title), detail::or_null(url)));
    }
    // Of one mount, or of all.
    uint64_t listener_count(const std::string &mount = {}) const
    {
        return *detail::number<uint64_t>(
            [&](auto out) { return lw_server_listener_count(handle(), detail::or_null(mount), out); });
    }
    std::string mount_info(const std::string &mount) const
    {
        return *detail::text([&](auto out) { return lw_server_mount_info(handle(), detail::whole(mount), out); });
    }
    lw_server handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_server_close>;
    explicit server(owner own) : own_(std::move(own)) {}
    owner own_;
};

class pipeline {
public:
    using hook = std::function<void(const std::string &event)>;

    // Declares a pipeline on a server that exists.
    pipeline(const std::string &declaration, const server &on)
    {
        uint64_t handle;
        check(lw_pipeline_open(detail::whole(declaration), on.handle(), &handle));
        own_ = owner(handle);
    }
    static pipeline of(uint64_t handle) { return pipeline(owner(handle)); }
    pipeline(pipeline &&) = default;
    // The other gets what this one was, with its hooks.
    pipeline &operator=(pipeline &&other) noexcept
    {
        own_ = std::move(other.own_);
        hooks_.swap(other.hooks_);
        return *this;
    }
    // Hooks first: they are not called any more when their functions go.
    ~pipeline()
    {
        for (auto &added : hooks_) {
            lw_pipeline_remove_hook(handle(), added.id);
        }
    }

    void start() { check(lw_pipeline_start(handle())); }
    void stop() { check(lw_pipeline_stop(handle(), nullptr)); }
    bool is_running() const
    {
        return *detail::number<int32_t>([&](auto out) { return lw_pipeline_is_running(handle(), out); });
    }

    // Calls a function on the hook thread, for events of this kind, or, where it is empty, for all. An exception from it is
    // caught there and goes nowhere. Not to be called by a hook.
    void add_hook(const std::string &kind, hook function)
    {
        auto &added = hooks_.emplace_back(added_hook{ std::make_shared<hook>(std::move(function)), 0 });
        try {
            check(lw_pipeline_add_hook(handle(), detail::or_null(kind), call, &added, &added.id));
        } catch (...) {
            hooks_.pop_back();
            throw;
        }
    }
    // The next event; none within the time. Throws LW_STOPPED when the pipeline has stopped and all was read.
    std::optional<std::string> next_event(milliseconds timeout)
    {
        return detail::text([&](auto out) { return lw_pipeline_next_event(handle(), timeout.count(), out); });
    }
    int event_fd() const
    {
        return *detail::number<int>([&](auto out) { return lw_pipeline_event_fd(handle(), out); });
    }

    uint64_t play_file(const std::string &file, const std::string &title = {})
    {
        return *detail::number<uint64_t>(
            [&](auto id) { return lw_pipeline_play_file(handle(), detail::whole(file), detail::or_null(title), id); });
    }
    void play_list(const std::string &name, const std::string &files, const std::string &options = {})
    {
        check(lw_pipeline_play_list(handle(), detail::whole(name), detail::whole(files), detail::or_null(options)));
    }
    void play_path(const std::string &path, const std::string &options = {})
    {
        check(lw_pipeline_play_path(handle(), detail::whole(path), detail::or_null(options)));
    }
    uint64_t queue_file(const std::string &file, const std::string &title = {}, bool next = false)
    {
        return *detail::number<uint64_t>(
            [&](auto id) { return lw_pipeline_queue_file(handle(), detail::whole(file), detail::or_null(title), next, id); });
    }
    void skip() { check(lw_pipeline_skip(handle())); }
    void hold(milliseconds fade) { check(lw_pipeline_hold(handle(), detail::ms(fade))); }
    void resume(milliseconds fade) { check(lw_pipeline_resume(handle(), detail::ms(fade))); }
    void update_metadata(const std::string &title, const std::string &mount = {}, bool until_cleared = false)
    {
        check(lw_pipeline_update_metadata(handle(), detail::whole(title), nullptr, detail::or_null(mount), until_cleared));
    }

    std::optional<std::string> current_track() const
    {
        return detail::text([&](auto out) { return lw_pipeline_current_track(handle(), out); });
    }
    std::optional<std::string> current_title() const
    {
        return detail::text([&](auto out) { return lw_pipeline_current_title(handle(), out); });
    }
    std::optional<milliseconds> remaining() const
    {
        auto left = detail::number<uint64_t>([&](auto out) { return lw_pipeline_remaining_ms(handle(), out); });
        return left ? std::optional<milliseconds>(milliseconds(*left)) : std::nullopt;
    }
    uint64_t listener_count(const std::string &mount = {}) const
    {
        return *detail::number<uint64_t>(
            [&](auto out) { return lw_pipeline_listener_count(handle(), detail::or_null(mount), out); });
    }

    uint64_t play_voice(const std::string &file, double volume = 1, bool paused = false)
    {
        return *detail::number<uint64_t>(
            [&](auto out) { return lw_pipeline_play_voice(handle(), detail::whole(file), volume, paused, out); });
    }
    void ramp_volume(uint64_t voice, double to, milliseconds over, const std::string &curve = {}, bool then_stop = false)
    {
        check(lw_pipeline_ramp_volume(handle(), voice, to, detail::ms(over), detail::or_null(curve), then_stop));
    }
    void stop_voice(uint64_t voice, milliseconds fade) { check(lw_pipeline_stop_voice(handle(), voice, detail::ms(fade))); }

    lw_pipeline handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_pipeline_close>;
    struct added_hook {
        std::shared_ptr<hook> function;
        uint64_t id;
    };

    explicit pipeline(owner own) : own_(std::move(own)) {}
    static void call(lw_pipeline, const char *event, void *user)
    {
        try {
            // Kept while it runs: it may destroy the pipeline.
            auto function = static_cast<added_hook *>(user)->function;
            (*function)(event);
        } catch (...) {
            // It must not unwind into the library.
        }
    }

    owner own_;
    std::list<added_hook> hooks_; // which do not move when another is added
};

class station {
public:
    explicit station(const std::string &declaration)
    {
        uint64_t handle;
        check(lw_station_open(detail::whole(declaration), &handle));
        own_ = owner(handle);
    }
    void start() { check(lw_station_start(handle())); }
    void stop() { check(lw_station_stop(handle(), nullptr)); }
    longwave::server server() const
    {
        uint64_t handle;
        check(lw_station_server(this->handle(), &handle));
        return longwave::server::of(handle);
    }
    // By its name; the first, where that is empty.
    longwave::pipeline pipeline(const std::string &name = {}) const
    {
        uint64_t handle;
        check(lw_station_pipeline(this->handle(), detail::or_null(name), &handle));
        return longwave::pipeline::of(handle);
    }
    lw_station handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_station_close>;
    owner own_;
};

class encoder {
public:
    encoder(const std::string &declaration, uint32_t sample_rate, uint32_t channels)
    {
        uint64_t handle;
        check(lw_encoder_open(detail::whole(declaration), sample_rate, channels, &handle));
        own_ = owner(handle);
    }
    std::string encode(const float *pcm, std::size_t frames)
    {
        return step([&](auto bytes, auto count) { return lw_encoder_encode(handle(), pcm, frames, bytes, count); });
    }
    std::string encode(const int16_t *pcm, std::size_t frames)
    {
        return step([&](auto bytes, auto count) { return lw_encoder_encode_s16(handle(), pcm, frames, bytes, count); });
    }
    std::string flush()
    {
        return step([&](auto bytes, auto count) { return lw_encoder_flush(handle(), bytes, count); });
    }
    lw_encoder handle() const noexcept { return own_.handle(); }

private:
    template <typename Call> static std::string step(Call call)
    {
        const uint8_t *bytes;
        std::size_t count;
        check(call(&bytes, &count));
        return std::string(reinterpret_cast<const char *>(bytes), count);
    }
    using owner = detail::owner<lw_encoder_close>;
    owner own_;
};

} // namespace longwave

#endif
