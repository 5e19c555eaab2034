//! Proxies in front of a station, which end with the test.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Ended when dropped.
#[derive(Debug)]
pub struct Proxy {
    process: Child,
    pub address: SocketAddr,
}

impl Proxy {
    /// Starts a proxy, by the command line that is made for its port.
    pub fn start(command: impl FnOnce(&TcpListener) -> Command) -> Proxy {
        let listener = open_port();
        let process = command(&listener).spawn().expect("the proxy is there");
        Proxy { process, address: listener.local_addr().unwrap() }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It must end in order, because nginx has a worker that must end with it.
        let _ = kill(Pid::from_raw(self.process.id() as i32), Signal::SIGTERM);
        let _ = self.process.wait();
    }
}

/// A listening port for the proxy. Clients that connect before the proxy is ready wait in its queue.
fn open_port() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    listener
}

/// Whether the proxy is installed. It must be in CI; a developer's machine need not have it.
pub fn is_there(proxy: &str) -> bool {
    let is_there = Command::new(proxy).arg("-v").output().is_ok();
    assert!(is_there || std::env::var_os("CI").is_none(), "{proxy} is not installed");
    if !is_there {
        eprintln!("{proxy} is not installed: left out");
    }
    is_there
}

/// Starts nginx with all of its files in `folder`, which it makes. `site` is what stands in its block `http`,
/// for this address.
pub fn nginx(folder: &Path, site: impl FnOnce(SocketAddr) -> String) -> Proxy {
    fs::create_dir(folder).unwrap();
    Proxy::start(|listener| {
        let place = folder.display();
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {place}/{name};\n"))
            .concat();
        let site = site(listener.local_addr().unwrap());
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {place}/pid;\nerror_log {place}/log;\n\
             events {{ worker_connections 500; }}\nhttp {{\naccess_log off;\n{paths}{site}}}\n"
        );
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let mut nginx = Command::new("nginx");
        nginx
            .arg("-p")
            .arg(folder)
            .arg("-e")
            .arg(folder.join("log"))
            .arg("-c")
            .arg(folder.join("nginx.conf"));
        nginx.env("NGINX", format!("{};", listener.as_raw_fd()));
        nginx
    })
}
