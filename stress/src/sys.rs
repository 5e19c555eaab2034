//! The system calls that std, mio and socket2 do not have. All `unsafe` code of this crate is here.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Raises the limit of open files to the hard limit, and returns it.
pub fn raise_open_files() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls only read or fill the struct that they are given.
    unsafe {
        check(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        check(libc::setrlimit(libc::RLIMIT_NOFILE, &limit))?;
    }
    Ok(limit.rlim_cur)
}

/// The kernel's counters of a TCP connection.
#[derive(Clone, Copy, Debug)]
pub struct TcpCounts {
    pub bytes_received: u64,
    /// Segments with data that arrived. With TCP_NODELAY on loopback each write is one segment.
    pub data_segments_in: u32,
}

/// Reads the kernel's counters for `socket`.
pub fn tcp_counts(socket: &impl AsRawFd) -> io::Result<TcpCounts> {
    // SAFETY: tcp_info consists of plain numbers, for which zeros are valid. The kernel fills at most
    // `length` bytes of it.
    let info = unsafe {
        let mut info: libc::tcp_info = mem::zeroed();
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        let into = (&raw mut info).cast();
        check(libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, into, &mut length))?;
        info
    };
    Ok(TcpCounts { bytes_received: info.tcpi_bytes_received, data_segments_in: info.tcpi_data_segs_in })
}

/// Discards up to `most` bytes that have arrived, without copying them.
pub fn discard(socket: &impl AsRawFd, most: usize) -> io::Result<usize> {
    let flags = libc::MSG_TRUNC | libc::MSG_DONTWAIT;
    // SAFETY: with MSG_TRUNC a TCP socket writes nothing to the buffer (tcp(7)).
    let count = unsafe { libc::recv(socket.as_raw_fd(), std::ptr::null_mut(), most, flags) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// Lets `connect` choose the port. So a port can be used once for each pair of source address and peer, and
/// not only once for each source address.
pub fn bind_address_no_port(socket: &impl AsRawFd) -> io::Result<()> {
    set_int(socket.as_raw_fd(), libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)
}

/// The processor time that this process has used.
pub fn own_cpu() -> Duration {
    // SAFETY: rusage consists of plain numbers, and the call only fills it. It cannot fail for SELF.
    let usage = unsafe {
        let mut usage: libc::rusage = mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let time =
        |t: libc::timeval| Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// The unit in which /proc counts processor time.
pub fn clock_ticks_per_second() -> f64 {
    // SAFETY: the call takes and returns numbers.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    if ticks > 0 { ticks as f64 } else { 100.0 }
}

fn set_int(fd: RawFd, level: libc::c_int, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes of `value`, which outlives the call.
    check(unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), length) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
