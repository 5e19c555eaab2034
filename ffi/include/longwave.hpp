// longwave.hpp: Longwave for C++17, over longwave.h: objects that close what they hold, errors as exceptions.
//
// What a function does stands in longwave.h, under the same name. Text that comes out is a std::string, a
// result that may not be there a std::optional; times are std::chrono::milliseconds, and text may be empty
// where NULL is allowed. Objects can be moved, not copied. PCM and bytes are a pointer and a count; from
// C++20 on, also a std::span. For what is not here, `handle()` gives what the functions of longwave.h take,
// and `longwave::check` their statuses.
//
// Functions of the program are called on threads of the library. What they throw is caught there; it does not
// reach the caller.

#ifndef LONGWAVE_HPP
#define LONGWAVE_HPP

#include <longwave.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#if __cplusplus >= 202002L
#include <span>
#endif

namespace longwave {

using milliseconds = std::chrono::milliseconds;

// As long as it takes.
constexpr milliseconds forever{ -1 };

// A call that failed: its status, and what lw_last_error said.
class error : public std::runtime_error {
public:
    error(lw_status status, const char *message) : std::runtime_error(message), status_(status) {}
    lw_status status() const noexcept { return status_; }
    const char *status_name() const noexcept { return lw_status_name(status_); }

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
template <typename Call> std::optional<std::string> text_if_any(Call call)
{
    char *out = nullptr;
    if (!check(call(&out))) {
        return std::nullopt;
    }
    std::unique_ptr<char, void (*)(char *)> owned(out, lw_free);
    return std::string(out);
}
template <typename Call> std::string text(Call call) { return text_if_any(call).value(); }

// The number that a call gives, if it gives one.
template <typename Number, typename Call> std::optional<Number> number_if_any(Call call)
{
    Number out{};
    return check(call(&out)) ? std::optional<Number>(out) : std::nullopt;
}
template <typename Number, typename Call> Number number(Call call)
{
    return number_if_any<Number>(call).value();
}
template <typename Call> bool flag(Call call) { return number<int32_t>(call) != 0; }

// The bytes that a call gives.
template <typename Call> std::string bytes(Call call)
{
    const uint8_t *bytes;
    std::size_t count;
    check(call(&bytes, &count));
    return std::string(reinterpret_cast<const char *>(bytes), count);
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
inline int64_t ms_or_keep(std::optional<milliseconds> time)
{
    return time ? static_cast<int64_t>(ms(*time)) : -1;
}
inline const uint8_t *of_bytes(const void *bytes) { return static_cast<const uint8_t *>(bytes); }

} // namespace detail

// The version of Longwave.
inline std::string version() { return lw_version(); }
inline uint32_t abi_version() noexcept { return lw_abi_version(); }
// The codec libraries in this build, as JSON.
inline std::string codecs() { return detail::text(lw_codecs); }
// A file's tags, as JSON.
inline std::string read_metadata(const std::string &file)
{
    return detail::text([&](auto out) { return lw_read_metadata(detail::whole(file), out); });
}
inline std::string format_title(const std::string &file, const std::string &tags = {},
                                const std::string &given = {}, const std::string &extinf = {})
{
    return detail::text([&](auto out) {
        return lw_format_title(detail::whole(file), detail::or_null(tags), detail::or_null(given),
                               detail::or_null(extinf), out);
    });
}

// Log lines go to this function from now on; to none, if it is empty. Not to be called by it.
using log_function = std::function<void(int level, const std::string &target, const std::string &message)>;
inline void log_to(log_function function, const std::string &level = {})
{
    static std::mutex one_at_a_time;
    static std::unique_ptr<log_function> before;
    std::lock_guard<std::mutex> lock(one_at_a_time);
    auto next = function ? std::make_unique<log_function>(std::move(function)) : nullptr;
    lw_log call = [](int32_t level, const char *target, const char *message, void *user) {
        try {
            (*static_cast<log_function *>(user))(level, target, message);
        } catch (...) {
            // It must not unwind into the library.
        }
    };
    check(lw_log_to(next ? call : nullptr, next.get(), detail::or_null(level)));
    // The one before does not run any more.
    before = std::move(next);
}

// A request that waits for an answer. Without one, its client gets 500.
class request {
public:
    explicit request(uint64_t handle) : own_(handle) {}
    // Method, path, segments, address and base_url, as JSON.
    std::string info() const
    {
        return detail::text([&](auto out) { return lw_request_info(handle(), out); });
    }
    std::optional<std::string> parameter(const std::string &name) const
    {
        return detail::text_if_any(
            [&](auto out) { return lw_request_parameter(handle(), detail::whole(name), out); });
    }
    std::optional<std::string> header(const std::string &name) const
    {
        return detail::text_if_any(
            [&](auto out) { return lw_request_header(handle(), detail::whole(name), out); });
    }
    std::string body() const
    {
        return detail::bytes([&](auto bytes, auto count) { return lw_request_body(handle(), bytes, count); });
    }
    // `headers` is a JSON object.
    void answer(unsigned status, const std::string &body = {}, const std::string &headers = {})
    {
        check(lw_request_answer(handle(), status, detail::or_null(headers), detail::of_bytes(body.data()),
                                body.size()));
    }
    lw_request handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_request_close> own_;
};

// The requests for paths that the program answers.
class requests {
public:
    explicit requests(uint64_t handle) : own_(handle) {}
    // The next one; none within the time. Throws LW_STOPPED when the server has stopped, or this was closed.
    std::optional<request> next(milliseconds timeout)
    {
        auto next = detail::number_if_any<lw_request>(
            [&](auto out) { return lw_requests_next(handle(), timeout.count(), out); });
        return next ? std::optional<request>(request(*next)) : std::nullopt;
    }
    // Ends the wait of `next` on another thread.
    void close() { check(lw_requests_close(handle())); }
    lw_requests handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_requests_close> own_;
};

class server {
public:
    // Declares a server; empty: the defaults.
    explicit server(const std::string &declaration = {})
        : own_(detail::number<uint64_t>(
              [&](auto out) { return lw_server_open(detail::or_null(declaration), out); }))
    {
    }
    static server of(uint64_t handle) { return server(owner(handle)); }

    void start() { check(lw_server_start(handle())); }
    void expect(const std::string &path) { check(lw_server_expect(handle(), detail::whole(path))); }
    void expect_no_more(const std::string &path)
    {
        check(lw_server_expect_no_more(handle(), detail::whole(path)));
    }
    void reconfigure(const std::string &declaration)
    {
        check(lw_server_reconfigure(handle(), detail::whole(declaration)));
    }
    // The threads that had to be left behind, as a JSON list.
    std::string stop()
    {
        return detail::text([&](auto out) { return lw_server_stop(handle(), out); });
    }
    bool is_running() const
    {
        return detail::flag([&](auto out) { return lw_server_is_running(handle(), out); });
    }
    uint16_t port() const
    {
        return detail::number<uint16_t>([&](auto out) { return lw_server_port(handle(), out); });
    }
    std::string addresses() const
    {
        return detail::text([&](auto out) { return lw_server_addresses(handle(), out); });
    }
    void reopen_logs() { check(lw_server_reopen_logs(handle())); }

    void add_mount(const std::string &declaration)
    {
        check(lw_server_add_mount(handle(), detail::whole(declaration)));
    }
    void update_mount(const std::string &declaration)
    {
        check(lw_server_update_mount(handle(), detail::whole(declaration)));
    }
    void remove_mount(const std::string &mount)
    {
        check(lw_server_remove_mount(handle(), detail::whole(mount)));
    }
    // How many bytes were taken.
    std::size_t write_audio(const std::string &mount, const void *bytes, std::size_t count)
    {
        return detail::number<std::size_t>([&](auto taken) {
            return lw_server_write_audio(handle(), detail::whole(mount), detail::of_bytes(bytes), count,
                                         taken);
        });
    }
    void update_metadata(const std::string &mount, const std::string &title, const std::string &url = {})
    {
        check(lw_server_update_metadata(handle(), detail::whole(mount), detail::whole(title),
                                        detail::or_null(url)));
    }
    void set_header(const std::string &mount, const void *bytes, std::size_t count)
    {
        check(lw_server_set_header(handle(), detail::whole(mount), detail::of_bytes(bytes), count));
    }
    std::chrono::system_clock::time_point changed_at(const std::string &mount) const
    {
        auto at = detail::number<uint64_t>(
            [&](auto out) { return lw_server_changed_at(handle(), detail::whole(mount), out); });
        return std::chrono::system_clock::time_point(milliseconds(at));
    }
    std::string mount_info(const std::string &mount) const
    {
        return detail::text(
            [&](auto out) { return lw_server_mount_info(handle(), detail::whole(mount), out); });
    }
    std::string mounts() const
    {
        return detail::text([&](auto out) { return lw_server_mounts(handle(), out); });
    }

    // Of one mount, or of all.
    uint64_t listener_count(const std::string &mount = {}) const
    {
        return detail::number<uint64_t>(
            [&](auto out) { return lw_server_listener_count(handle(), detail::or_null(mount), out); });
    }
    std::string listeners(const std::string &mount = {}) const
    {
        return detail::text(
            [&](auto out) { return lw_server_listeners(handle(), detail::or_null(mount), out); });
    }
    void kick(uint64_t listener) { check(lw_server_kick(handle(), listener)); }
    std::string stats() const
    {
        return detail::text([&](auto out) { return lw_server_stats(handle(), out); });
    }
    std::string health() const
    {
        return detail::text([&](auto out) { return lw_server_health(handle(), out); });
    }

    // The next event of it and its pipelines; none within the time. Throws LW_STOPPED when no more will come.
    std::optional<std::string> next_event(milliseconds timeout)
    {
        return detail::text_if_any(
            [&](auto out) { return lw_server_next_event(handle(), timeout.count(), out); });
    }
    int event_fd() const
    {
        return detail::number<int>([&](auto out) { return lw_server_event_fd(handle(), out); });
    }
    // `paths` is a JSON list.
    requests take_requests(const std::string &paths, std::size_t waiting)
    {
        return requests(detail::number<uint64_t>(
            [&](auto out) { return lw_server_take_requests(handle(), detail::whole(paths), waiting, out); }));
    }
#if __cplusplus >= 202002L
    std::size_t write_audio(const std::string &mount, std::span<const std::byte> bytes)
    {
        return write_audio(mount, bytes.data(), bytes.size());
    }
#endif
    lw_server handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_server_close>;
    explicit server(owner own) : own_(std::move(own)) {}
    owner own_;
};

// A voice of PCM that the program pushes.
class input {
public:
    input(uint64_t handle, uint64_t voice) : own_(handle), voice_(voice) {}
    // How many frames were taken.
    std::size_t push(const float *pcm, std::size_t frames)
    {
        return detail::number<std::size_t>(
            [&](auto taken) { return lw_input_push(handle(), pcm, frames, taken); });
    }
    std::size_t push_within(const float *pcm, std::size_t frames, milliseconds timeout)
    {
        return detail::number<std::size_t>(
            [&](auto taken) { return lw_input_push_within(handle(), pcm, frames, timeout.count(), taken); });
    }
    uint64_t voice() const noexcept { return voice_; }
    lw_input handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_input_close> own_;
    uint64_t voice_;
};

// The writing end of a pipe, which belongs to the program, and the voice that it feeds.
struct pcm_pipe {
    int fd;
    uint64_t voice;
};

// The mixed PCM.
class tap {
public:
    struct part {
        std::size_t frames;
        uint64_t position;
    };

    explicit tap(uint64_t handle) : own_(handle) {}
    part read(float *pcm, std::size_t frames, milliseconds timeout)
    {
        part part{};
        check(lw_tap_read(handle(), pcm, frames, timeout.count(), &part.frames, &part.position));
        return part;
    }
    uint64_t lost() const
    {
        return detail::number<uint64_t>([&](auto out) { return lw_tap_lost(handle(), out); });
    }
    int fd() const
    {
        return detail::number<int>([&](auto out) { return lw_tap_fd(handle(), out); });
    }
    lw_tap handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_tap_close> own_;
};

// Encoded audio for a live input, which the program writes as it comes.
class source {
public:
    explicit source(uint64_t handle) : own_(handle) {}
    // How many of the bytes were taken. Offer the others again later.
    std::size_t write(const void *bytes, std::size_t count)
    {
        return detail::number<std::size_t>([&](auto taken) {
            return lw_source_write(handle(), static_cast<const uint8_t *>(bytes), count, taken);
        });
    }
    void set_title(const std::string &title) { check(lw_source_set_title(handle(), detail::whole(title))); }
    std::string state() const
    {
        return detail::text([&](auto out) { return lw_source_state(handle(), out); });
    }
    lw_source handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_source_close> own_;
};

// What an encoder of the program's gives in one call. Not to be kept.
class packets {
public:
    explicit packets(lw_packets handle) noexcept : handle_(handle) {}
    void add(const void *bytes, std::size_t count, uint32_t frames)
    {
        check(lw_packets_add(handle_, detail::of_bytes(bytes), count, frames));
    }
    // While the encoder is opened.
    void header(const void *bytes, std::size_t count)
    {
        check(lw_packets_header(handle_, detail::of_bytes(bytes), count));
    }
    void delay(uint64_t frames) { check(lw_packets_delay(handle_, frames)); }
    lw_packets handle() const noexcept { return handle_; }

private:
    lw_packets handle_;
};

// An encoder of the program's. It fails by an exception.
class own_encoder {
public:
    virtual ~own_encoder() = default;
    virtual void encode(const float *pcm, std::size_t frames, packets &out) = 0;
    virtual void flush(packets &) {}
    // Opens one for PCM of this rate and so many channels.
    using open =
        std::function<std::unique_ptr<own_encoder>(uint32_t sample_rate, uint32_t channels, packets &out)>;
};

class pipeline {
public:
    using hook = std::function<void(const std::string &event)>;

    // Declares a pipeline on a server that exists.
    pipeline(const std::string &declaration, const server &on) : pipeline(opened(declaration, on.handle())) {}
    // Declares a pipeline with a server of its own, on port 8000.
    explicit pipeline(const std::string &declaration) : pipeline(opened(declaration, 0)) {}
    static pipeline of(uint64_t handle) { return pipeline(owner(handle)); }
    pipeline(pipeline &&) = default;
    // The other gets what this one was, with its functions.
    pipeline &operator=(pipeline &&other) noexcept
    {
        own_ = std::move(other.own_);
        hooks_.swap(other.hooks_);
        next_track_.swap(other.next_track_);
        outputs_.swap(other.outputs_);
        return *this;
    }
    // The program's functions first: they are not called any more when they go.
    ~pipeline()
    {
        for (auto &added : hooks_) {
            lw_pipeline_remove_hook(handle(), added.id);
        }
        if (next_track_) {
            lw_pipeline_on_next_track(handle(), nullptr, nullptr, 0);
        }
        for (auto &output : outputs_) {
            lw_pipeline_remove_output(handle(), output->mount.c_str());
            forget(output);
        }
    }

    void start() { check(lw_pipeline_start(handle())); }
    // The threads that had to be left behind, as a JSON list.
    std::string stop()
    {
        return detail::text([&](auto out) { return lw_pipeline_stop(handle(), out); });
    }
    bool is_running() const
    {
        return detail::flag([&](auto out) { return lw_pipeline_is_running(handle(), out); });
    }
    longwave::server server() const
    {
        return longwave::server::of(
            detail::number<uint64_t>([&](auto out) { return lw_pipeline_server(handle(), out); }));
    }
    std::string name() const
    {
        return detail::text([&](auto out) { return lw_pipeline_name(handle(), out); });
    }
    // Frames per second, and samples per frame.
    std::pair<uint32_t, uint32_t> spec() const
    {
        std::pair<uint32_t, uint32_t> spec;
        check(lw_pipeline_spec(handle(), &spec.first, &spec.second));
        return spec;
    }
    void use_stepped_clock() { check(lw_pipeline_use_stepped_clock(handle())); }
    void step_clock(milliseconds by) { check(lw_pipeline_step_clock(handle(), detail::ms(by))); }

    // Calls a function on the hook thread, for events of this kind, or, where it is empty, for all. Not to be
    // called by a hook. Gives its number.
    uint64_t add_hook(const std::string &kind, hook function)
    {
        auto &added = hooks_.emplace_back(added_hook{ std::make_shared<hook>(std::move(function)), 0 });
        try {
            check(lw_pipeline_add_hook(handle(), detail::or_null(kind), call_hook, &added, &added.id));
        } catch (...) {
            hooks_.pop_back();
            throw;
        }
        return added.id;
    }
    void remove_hook(uint64_t hook)
    {
        check(lw_pipeline_remove_hook(handle(), hook));
        hooks_.remove_if([&](const added_hook &added) { return added.id == hook; });
    }
    // The next event; none within the time. Throws LW_STOPPED when the pipeline has stopped and all was read.
    std::optional<std::string> next_event(milliseconds timeout)
    {
        return detail::text_if_any(
            [&](auto out) { return lw_pipeline_next_event(handle(), timeout.count(), out); });
    }
    int event_fd() const
    {
        return detail::number<int>([&](auto out) { return lw_pipeline_event_fd(handle(), out); });
    }
    // Asks a function what is next: it queues a file, or nothing. An empty one: nobody is asked any more. Not
    // to be called by it.
    void on_next_track(std::function<void()> function, milliseconds within = milliseconds(0))
    {
        auto next = function ? std::make_unique<asked>(
                                   std::make_shared<std::function<void()>>(std::move(function)))
                             : nullptr;
        lw_next_track call = [](lw_pipeline, void *user) {
            try {
                // Kept while it runs: it may destroy the pipeline.
                auto function = *static_cast<asked *>(user);
                (*function)();
            } catch (...) {
                // It must not unwind into the library.
            }
        };
        check(lw_pipeline_on_next_track(handle(), next ? call : nullptr, next.get(), detail::ms(within)));
        // The one before does not run any more.
        next_track_ = std::move(next);
    }

    std::string mounts() const
    {
        return detail::text([&](auto out) { return lw_pipeline_mounts(handle(), out); });
    }
    // The outputs that are served as HLS, as JSON.
    std::string hls() const
    {
        return detail::text([&](auto out) { return lw_pipeline_hls(handle(), out); });
    }
    void add_output(const std::string &declaration)
    {
        check(lw_pipeline_add_output(handle(), detail::whole(declaration)));
    }
    void update_output(const std::string &declaration)
    {
        check(lw_pipeline_update_output(handle(), detail::whole(declaration)));
    }
    void remove_output(const std::string &mount)
    {
        check(lw_pipeline_remove_output(handle(), detail::whole(mount)));
        outputs_.remove_if([&](std::unique_ptr<own_output> &output) {
            bool is_it = output->mount == mount;
            if (is_it) {
                forget(output);
            }
            return is_it;
        });
    }
    void replace_encoder(const std::string &mount, const std::string &declaration)
    {
        check(lw_pipeline_replace_encoder(handle(), detail::whole(mount), detail::whole(declaration)));
    }
    // An output with an encoder of the program's. `declaration` is TOML without the mount: its content type,
    // and more.
    void add_own_output(const std::string &mount, const std::string &declaration, own_encoder::open open)
    {
        if (mount.find_first_of("'\n\r") != std::string::npos) {
            throw std::invalid_argument("a mount has a quote or a line break in it");
        }
        const std::string whole = "mount = '" + mount + "'\n" + declaration;
        auto &added = outputs_.emplace_back(new own_output{ mount, std::move(open), {} });
        try {
            check(lw_pipeline_add_own_output(handle(), detail::whole(whole), own_output::opens,
                                             own_output::encodes, own_output::flushes, own_output::closes,
                                             added.get()));
        } catch (...) {
            outputs_.pop_back();
            throw;
        }
    }

    uint64_t play_file(const std::string &file, const std::string &title = {})
    {
        return detail::number<uint64_t>([&](auto id) {
            return lw_pipeline_play_file(handle(), detail::whole(file), detail::or_null(title), id);
        });
    }
    void play_list(const std::string &name, const std::string &files, const std::string &options = {})
    {
        check(lw_pipeline_play_list(handle(), detail::whole(name), detail::whole(files),
                                    detail::or_null(options)));
    }
    void play_path(const std::string &path, const std::string &options = {})
    {
        check(lw_pipeline_play_path(handle(), detail::whole(path), detail::or_null(options)));
    }
    void set_loop(bool repeat) { check(lw_pipeline_set_loop(handle(), repeat)); }
    void set_shuffle(bool shuffle) { check(lw_pipeline_set_shuffle(handle(), shuffle)); }
    // What is not given is as before.
    void set_fades(std::optional<milliseconds> crossfade, std::optional<milliseconds> fade_in = {},
                   std::optional<milliseconds> fade_out = {})
    {
        check(lw_pipeline_set_fades(handle(), detail::ms_or_keep(crossfade), detail::ms_or_keep(fade_in),
                                    detail::ms_or_keep(fade_out)));
    }
    void skip() { check(lw_pipeline_skip(handle())); }
    void seek(milliseconds to) { check(lw_pipeline_seek(handle(), detail::ms(to))); }

    uint64_t queue_file(const std::string &file, const std::string &title = {}, bool next = false)
    {
        return detail::number<uint64_t>([&](auto id) {
            return lw_pipeline_queue_file(handle(), detail::whole(file), detail::or_null(title), next, id);
        });
    }
    // Their numbers, as a JSON list.
    std::string queue_files(const std::string &files, bool next = false)
    {
        return detail::text(
            [&](auto out) { return lw_pipeline_queue_files(handle(), detail::whole(files), next, out); });
    }
    std::string queue() const
    {
        return detail::text([&](auto out) { return lw_pipeline_queue(handle(), out); });
    }
    std::string entry(uint64_t id) const
    {
        return detail::text([&](auto out) { return lw_pipeline_entry(handle(), id, out); });
    }
    void clear_queue() { check(lw_pipeline_clear_queue(handle())); }
    void remove(uint64_t id) { check(lw_pipeline_remove(handle(), id)); }
    void move_to(uint64_t id, std::size_t index) { check(lw_pipeline_move_to(handle(), id, index)); }
    std::string search_requests(const std::string &words, std::size_t most = 20) const
    {
        return detail::text([&](auto out) {
            return lw_pipeline_search_requests(handle(), detail::whole(words), most, out);
        });
    }
    std::string request(int64_t track, const std::string &address)
    {
        return detail::text(
            [&](auto out) { return lw_pipeline_request(handle(), track, detail::whole(address), out); });
    }
    void hold(milliseconds fade) { check(lw_pipeline_hold(handle(), detail::ms(fade))); }
    void hold_after_current() { check(lw_pipeline_hold_after_current(handle())); }
    void resume(milliseconds fade) { check(lw_pipeline_resume(handle(), detail::ms(fade))); }

    void update_metadata(const std::string &title, const std::string &mount = {}, bool until_cleared = false,
                         const std::string &url = {})
    {
        check(lw_pipeline_update_metadata(handle(), detail::whole(title), detail::or_null(url),
                                          detail::or_null(mount), until_cleared));
    }
    void clear_metadata(const std::string &mount = {})
    {
        check(lw_pipeline_clear_metadata(handle(), detail::or_null(mount)));
    }
    // Empty: the usual line.
    void set_title_format(const std::string &format)
    {
        check(lw_pipeline_set_title_format(handle(), detail::or_null(format)));
    }
    std::optional<std::string> title_format() const
    {
        return detail::text_if_any([&](auto out) { return lw_pipeline_title_format(handle(), out); });
    }

    std::optional<std::string> current_track() const
    {
        return detail::text_if_any([&](auto out) { return lw_pipeline_current_track(handle(), out); });
    }
    std::optional<std::string> current_title() const
    {
        return detail::text_if_any([&](auto out) { return lw_pipeline_current_title(handle(), out); });
    }
    std::optional<milliseconds> played() const
    {
        return time_if_any([&](auto out) { return lw_pipeline_played_ms(handle(), out); });
    }
    std::optional<milliseconds> remaining() const
    {
        return time_if_any([&](auto out) { return lw_pipeline_remaining_ms(handle(), out); });
    }
    std::string up_next(std::size_t most) const
    {
        return detail::text([&](auto out) { return lw_pipeline_up_next(handle(), most, out); });
    }
    // Adds a "daypart", an "insert" or a "slot" to the schedule, by JSON with its name, or replaces what was
    // added under this name.
    void set_ingredient(const std::string &kind, const std::string &declaration)
    {
        check(lw_pipeline_set_ingredient(handle(), detail::whole(kind), detail::whole(declaration)));
    }
    void remove_ingredient(const std::string &kind, const std::string &name)
    {
        check(lw_pipeline_remove_ingredient(handle(), detail::whole(kind), detail::whole(name)));
    }
    std::string preview(std::size_t hours) const
    {
        return detail::text([&](auto out) { return lw_pipeline_preview(handle(), hours, out); });
    }
    std::string history() const
    {
        return detail::text([&](auto out) { return lw_pipeline_history(handle(), out); });
    }
    std::optional<std::string> playlist() const
    {
        return detail::text_if_any([&](auto out) { return lw_pipeline_playlist(handle(), out); });
    }
    uint64_t listener_count(const std::string &mount = {}) const
    {
        return detail::number<uint64_t>(
            [&](auto out) { return lw_pipeline_listener_count(handle(), detail::or_null(mount), out); });
    }
    milliseconds time_on_air() const
    {
        return time_if_any([&](auto out) { return lw_pipeline_time_on_air_ms(handle(), out); }).value();
    }
    bool is_held() const
    {
        return detail::flag([&](auto out) { return lw_pipeline_is_held(handle(), out); });
    }
    std::string hold_state() const
    {
        return detail::text([&](auto out) { return lw_pipeline_hold_state(handle(), out); });
    }
    std::string levels() const
    {
        return detail::text([&](auto out) { return lw_pipeline_levels(handle(), out); });
    }
    std::string fill() const
    {
        return detail::text([&](auto out) { return lw_pipeline_fill(handle(), out); });
    }
    std::string health() const
    {
        return detail::text([&](auto out) { return lw_pipeline_health(handle(), out); });
    }
    std::string snapshot() const
    {
        return detail::text([&](auto out) { return lw_pipeline_snapshot(handle(), out); });
    }
    void restore(const std::string &snapshot)
    {
        check(lw_pipeline_restore(handle(), detail::whole(snapshot)));
    }

    uint64_t play_voice(const std::string &file, double volume = 1, bool paused = false)
    {
        return detail::number<uint64_t>([&](auto out) {
            return lw_pipeline_play_voice(handle(), detail::whole(file), volume, paused, out);
        });
    }
    void stop_voice(uint64_t voice, milliseconds fade)
    {
        check(lw_pipeline_stop_voice(handle(), voice, detail::ms(fade)));
    }
    void stop_all_voices(milliseconds fade)
    {
        check(lw_pipeline_stop_all_voices(handle(), detail::ms(fade)));
    }
    void pause_voice(uint64_t voice) { check(lw_pipeline_pause_voice(handle(), voice)); }
    void resume_voice(uint64_t voice) { check(lw_pipeline_resume_voice(handle(), voice)); }
    void seek_voice(uint64_t voice, milliseconds to)
    {
        check(lw_pipeline_seek_voice(handle(), voice, detail::ms(to)));
    }
    void set_volume(uint64_t voice, double volume) { check(lw_pipeline_set_volume(handle(), voice, volume)); }
    void ramp_volume(uint64_t voice, double to, milliseconds over, const std::string &curve = {},
                     bool then_stop = false)
    {
        check(lw_pipeline_ramp_volume(handle(), voice, to, detail::ms(over), detail::or_null(curve),
                                      then_stop));
    }
    std::string voices() const
    {
        return detail::text([&](auto out) { return lw_pipeline_voices(handle(), out); });
    }

    uint64_t announce(const std::string &file)
    {
        return detail::number<uint64_t>(
            [&](auto out) { return lw_pipeline_announce(handle(), detail::whole(file), out); });
    }
    void stop_announcement(uint64_t announcement)
    {
        check(lw_pipeline_stop_announcement(handle(), announcement));
    }
    void stop_announcements() { check(lw_pipeline_stop_announcements(handle())); }
    std::string announcements() const
    {
        return detail::text([&](auto out) { return lw_pipeline_announcements(handle(), out); });
    }

    // `info` is JSON, or empty.
    source go_live(const std::string &path, const std::string &info = {})
    {
        return source(detail::number<uint64_t>([&](auto out) {
            return lw_pipeline_go_live(handle(), detail::whole(path), detail::or_null(info), out);
        }));
    }
    // The live input that has the air.
    std::optional<std::string> live() const
    {
        return detail::text_if_any([&](auto out) { return lw_pipeline_live(handle(), out); });
    }
    std::string live_inputs() const
    {
        return detail::text([&](auto out) { return lw_pipeline_live_inputs(handle(), out); });
    }
    void force_live(const std::string &path)
    {
        check(lw_pipeline_force_live(handle(), detail::whole(path)));
    }
    void force_programme() { check(lw_pipeline_force_programme(handle())); }
    void release_live() { check(lw_pipeline_release_live(handle())); }
    // `"programme"`, the path of a live input, or null.
    std::string forced_air() const
    {
        return detail::text([&](auto out) { return lw_pipeline_forced_air(handle(), out); });
    }
    void mute_live(const std::string &path) { check(lw_pipeline_mute_live(handle(), detail::whole(path))); }
    void unmute_live(const std::string &path)
    {
        check(lw_pipeline_unmute_live(handle(), detail::whole(path)));
    }

    input play_input(double volume = 1, bool paused = false)
    {
        uint64_t input, voice;
        check(lw_pipeline_play_input(handle(), volume, paused, &input, &voice));
        return longwave::input(input, voice);
    }
    // `format` is f32le or s16le.
    pcm_pipe play_pipe(const std::string &format = {}, double volume = 1, bool paused = false)
    {
        pcm_pipe pipe{};
        check(
            lw_pipeline_play_pipe(handle(), detail::or_null(format), volume, paused, &pipe.fd, &pipe.voice));
        return pipe;
    }
    longwave::tap tap()
    {
        return longwave::tap(
            detail::number<uint64_t>([&](auto out) { return lw_pipeline_tap(handle(), out); }));
    }

    lw_pipeline handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_pipeline_close>;
    struct added_hook {
        std::shared_ptr<hook> function;
        uint64_t id;
    };

    using asked = std::shared_ptr<std::function<void()>>;

    // What the functions of an encoder of the program's share.
    struct own_output {
        std::string mount;
        own_encoder::open open;
        std::atomic<int> encoders;

        // One that is open.
        struct state {
            own_output &output;
            std::unique_ptr<own_encoder> encoder;
        };

        static void *opens(uint32_t sample_rate, uint32_t channels, lw_packets handle, void *user)
        {
            auto &output = *static_cast<own_output *>(user);
            state *opened = nullptr;
            guarded(handle, [&](packets &out) {
                auto encoder = output.open(sample_rate, channels, out);
                if (!encoder) {
                    throw std::runtime_error("there is no encoder");
                }
                opened = new state{ output, std::move(encoder) };
                output.encoders++;
            });
            return opened;
        }
        static void encodes(void *opened, const float *pcm, size_t frames, lw_packets handle)
        {
            guarded(handle,
                    [&](packets &out) { static_cast<state *>(opened)->encoder->encode(pcm, frames, out); });
        }
        static void flushes(void *opened, lw_packets handle)
        {
            guarded(handle, [&](packets &out) { static_cast<state *>(opened)->encoder->flush(out); });
        }
        static void closes(void *opened)
        {
            auto &output = static_cast<state *>(opened)->output;
            delete static_cast<state *>(opened);
            output.encoders--;
        }
        template <typename Act> static void guarded(lw_packets handle, Act act)
        {
            packets out(handle);
            try {
                act(out);
            } catch (const std::exception &error) {
                lw_packets_fail(handle, error.what());
            } catch (...) {
                lw_packets_fail(handle, "an exception");
            }
        }
    };

    explicit pipeline(owner own) : own_(std::move(own)) {}
    static owner opened(const std::string &declaration, lw_server on)
    {
        return owner(detail::number<uint64_t>(
            [&](auto out) { return lw_pipeline_open(detail::whole(declaration), on, out); }));
    }
    template <typename Call> static std::optional<milliseconds> time_if_any(Call call)
    {
        auto time = detail::number_if_any<uint64_t>(call);
        return time ? std::optional<milliseconds>(milliseconds(*time)) : std::nullopt;
    }
    static void call_hook(lw_pipeline, const char *event, void *user)
    {
        try {
            // Kept while it runs: it may destroy the pipeline.
            auto function = static_cast<added_hook *>(user)->function;
            (*function)(event);
        } catch (...) {
            // It must not unwind into the library.
        }
    }
    // Frees an output that was removed. If its encoder is stuck, it still needs it, and it is left behind.
    static void forget(std::unique_ptr<own_output> &output)
    {
        if (output->encoders != 0) {
            output.release();
        }
    }

    owner own_;
    std::list<added_hook> hooks_; // which do not move when another is added
    std::unique_ptr<asked> next_track_;
    std::list<std::unique_ptr<own_output>> outputs_;
};

// What a function of `station::admit_sources` throws to refuse a source, whose DJ reads the reason.
class refused : public std::runtime_error {
public:
    explicit refused(const std::string &reason) : std::runtime_error(reason) {}
};

class station {
public:
    // It is told of a source, as JSON, and returns the name by which the source is known, or throws `refused`.
    using admission = std::function<std::string(const std::string &description)>;

    explicit station(const std::string &declaration)
        : own_(detail::number<uint64_t>(
              [&](auto out) { return lw_station_open(detail::whole(declaration), out); }))
    {
    }
    station(station &&) = default;
    // The other gets what this one was, with its function.
    station &operator=(station &&other) noexcept
    {
        own_ = std::move(other.own_);
        admission_.swap(other.admission_);
        return *this;
    }
    // The program's function first: it is not called any more when it goes.
    ~station()
    {
        if (admission_) {
            lw_station_admit_sources(handle(), nullptr, nullptr);
        }
    }
    // The same from a file.
    static station read(const std::string &file)
    {
        return station(owner(
            detail::number<uint64_t>([&](auto out) { return lw_station_read(detail::whole(file), out); })));
    }
    void start() { check(lw_station_start(handle())); }
    // The threads that had to be left behind, as a JSON list.
    std::string stop()
    {
        return detail::text([&](auto out) { return lw_station_stop(handle(), out); });
    }
    // Empty: the file of `read` as it is now. What has changed, what waits for a restart, and what failed, as
    // JSON.
    std::string reload(const std::string &declaration = {})
    {
        return detail::text(
            [&](auto out) { return lw_station_reload(handle(), detail::or_null(declaration), out); });
    }
    // What a request to the HTTP API does, without a socket: the status, and the answer, JSON mostly.
    std::pair<uint32_t, std::string> ask(const std::string &method, const std::string &target,
                                         const std::string &body = {})
    {
        uint32_t http_status = 0;
        auto answer = detail::text([&](auto out) {
            return lw_station_ask(handle(), detail::whole(method), detail::whole(target),
                                  detail::or_null(body), &http_status, out);
        });
        return {http_status, std::move(answer)};
    }
    longwave::server server() const
    {
        return longwave::server::of(
            detail::number<uint64_t>([&](auto out) { return lw_station_server(handle(), out); }));
    }
    // By its name; the first, where that is empty.
    longwave::pipeline pipeline(const std::string &name = {}) const
    {
        return longwave::pipeline::of(detail::number<uint64_t>(
            [&](auto out) { return lw_station_pipeline(handle(), detail::or_null(name), out); }));
    }
    std::string pipelines() const
    {
        return detail::text([&](auto out) { return lw_station_pipelines(handle(), out); });
    }

    std::string history(const std::string &from = {}, const std::string &to = {},
                        const std::string &pipeline_name = {}, std::size_t most = 1000) const
    {
        return detail::text([&](auto out) {
            return lw_station_history(handle(), detail::or_null(from), detail::or_null(to),
                                      detail::or_null(pipeline_name), most, out);
        });
    }
    std::string report(const std::string &from = {}, const std::string &to = {},
                       const std::string &pipeline_name = {}, const std::string &by = "track",
                       const std::string &format = "csv") const
    {
        return detail::text([&](auto out) {
            return lw_station_report(handle(), detail::or_null(from), detail::or_null(to),
                                     detail::or_null(pipeline_name), detail::whole(by), detail::whole(format),
                                     out);
        });
    }
    std::string statistics(const std::string &from = {}, const std::string &to = {},
                           const std::string &mount = {}, const std::string &step = {}) const
    {
        return detail::text([&](auto out) {
            return lw_station_statistics(handle(), detail::or_null(from), detail::or_null(to),
                                         detail::or_null(mount), detail::or_null(step), out);
        });
    }
    std::string library_state() const
    {
        return detail::text([&](auto out) { return lw_library_state(handle(), out); });
    }
    std::string library_search(const std::string &words, std::size_t most = 100, std::size_t offset = 0) const
    {
        return detail::text(
            [&](auto out) { return lw_library_search(handle(), detail::whole(words), most, offset, out); });
    }
    std::string library_track(int64_t track) const
    {
        return detail::text([&](auto out) { return lw_library_track(handle(), track, out); });
    }
    std::string library_edit(int64_t track, const std::string &changes)
    {
        return detail::text(
            [&](auto out) { return lw_library_edit(handle(), track, detail::whole(changes), out); });
    }
    void library_start_scan() { check(lw_library_start_scan(handle())); }
    void library_pause() { check(lw_library_pause(handle())); }
    void library_resume() { check(lw_library_resume(handle())); }
    std::string library_playlists() const
    {
        return detail::text([&](auto out) { return lw_library_playlists(handle(), out); });
    }
    std::string library_playlist(const std::string &name) const
    {
        return detail::text(
            [&](auto out) { return lw_library_playlist(handle(), detail::whole(name), out); });
    }
    void library_set_playlist(const std::string &name, const std::string &playlist)
    {
        check(lw_library_set_playlist(handle(), detail::whole(name), detail::whole(playlist)));
    }
    void library_remove_playlist(const std::string &name)
    {
        check(lw_library_remove_playlist(handle(), detail::whole(name)));
    }

    // Lets a function decide who may send, from `start` on. What else it throws goes to the log, and refuses.
    // An empty one: every source is refused. Not to be called by it.
    void admit_sources(admission function)
    {
        auto next =
            function ? std::make_unique<decides>(std::make_shared<admission>(std::move(function))) : nullptr;
        check(lw_station_admit_sources(handle(), next ? call_admission : nullptr, next.get()));
        // The one before does not run any more.
        admission_ = std::move(next);
    }
    std::string sources() const
    {
        return detail::text([&](auto out) { return lw_station_sources(handle(), out); });
    }
    void kick_source(uint64_t source) { check(lw_station_kick_source(handle(), source)); }
    void update_source_metadata(const std::string &path, const std::string &title, const std::string &url = {})
    {
        check(lw_station_update_source_metadata(handle(), detail::whole(path), detail::whole(title),
                                                detail::or_null(url)));
    }
    lw_station handle() const noexcept { return own_.handle(); }

private:
    using owner = detail::owner<lw_station_close>;
    using decides = std::shared_ptr<admission>;

    explicit station(owner own) : own_(std::move(own)) {}
    static void call_admission(lw_station, lw_source_request request, const char *description, void *user)
    {
        try {
            // Kept while it runs: it may destroy the station.
            auto function = *static_cast<decides *>(user);
            check(lw_source_request_admit(request, detail::whole((*function)(description))));
        } catch (const refused &reason) {
            lw_source_request_refuse(request, reason.what());
        } catch (const std::exception &failure) {
            lw_source_request_fail(request, failure.what());
        } catch (...) {
            lw_source_request_fail(request, "an exception");
        }
    }

    owner own_;
    std::unique_ptr<decides> admission_;
};

class encoder {
public:
    encoder(const std::string &declaration, uint32_t sample_rate, uint32_t channels)
        : own_(detail::number<uint64_t>([&](auto out) {
              return lw_encoder_open(detail::whole(declaration), sample_rate, channels, out);
          })),
          channels_(channels)
    {
    }
    std::string encode(const float *pcm, std::size_t frames)
    {
        return detail::bytes(
            [&](auto bytes, auto count) { return lw_encoder_encode(handle(), pcm, frames, bytes, count); });
    }
    std::string encode(const int16_t *pcm, std::size_t frames)
    {
        return detail::bytes([&](auto bytes, auto count) {
            return lw_encoder_encode_s16(handle(), pcm, frames, bytes, count);
        });
    }
#if __cplusplus >= 202002L
    std::string encode(std::span<const float> pcm) { return encode(pcm.data(), pcm.size() / channels_); }
    std::string encode(std::span<const int16_t> pcm) { return encode(pcm.data(), pcm.size() / channels_); }
#endif
    std::string flush()
    {
        return detail::bytes(
            [&](auto bytes, auto count) { return lw_encoder_flush(handle(), bytes, count); });
    }
    uint64_t delay() const
    {
        return detail::number<uint64_t>([&](auto out) { return lw_encoder_delay(handle(), out); });
    }
    std::string content_type() const
    {
        return detail::text([&](auto out) { return lw_encoder_content_type(handle(), out); });
    }
    lw_encoder handle() const noexcept { return own_.handle(); }

private:
    detail::owner<lw_encoder_close> own_;
    [[maybe_unused]] std::size_t channels_;
};

} // namespace longwave

#endif
