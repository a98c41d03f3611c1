//! Hosts in network namespaces of this test's own: routers between them, subnets that differ, NAT.
//!
//! Nothing of the machine's own network is touched. The names carry the process id; everything is
//! removed on drop, and what a killed run has left is removed by the next one.

use crate::binary::Program;
use crate::foreign::{Skipped, Tool};
use ftp_proto::address::{Kind, kind};
use rustix::process::geteuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// What the names of all namespaces start with.
const PREFIX: &str = "ftptest";
/// Where iproute2 keeps them.
const NAMESPACES: &str = "/run/netns";

/// The namespaces of one test around one router. Declare it before what runs in it.
#[derive(Debug)]
pub struct Network {
    name: String,
    ip: Tool,
    nft: Tool,
    spaces: Vec<String>,
    router: Router,
    /// Routers with NAT so far.
    nats: u8,
}

/// Which port a router with NAT gives to a connection that it lets out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ports {
    /// The one that it has, as a port-restricted cone does.
    Kept,
    /// Another one for each destination, as a symmetric NAT does.
    Random,
}

/// A namespace that forwards packets between the subnets at its ports.
#[derive(Debug)]
pub struct Router {
    space: String,
    /// What its subnets begin with: theirs are N.0/24 below it.
    prefix: [u8; 2],
    subnets: u8,
    /// Its address at the network's own router; the source of all packets that it lets out.
    outside: Option<Ipv4Addr>,
}

impl Router {
    /// The address that the hosts behind it have for everybody outside.
    pub fn outside(&self) -> IpAddr {
        self.outside.unwrap().into()
    }
}

/// A host in a subnet of its own.
#[derive(Clone, Debug)]
pub struct Host {
    space: String,
    address: Ipv4Addr,
}

impl Host {
    /// Its only address.
    pub fn ip(&self) -> String {
        self.address.to_string()
    }

    /// Its name in its network.
    pub fn name(&self) -> &str {
        self.space.rsplit('-').next().unwrap_or_default()
    }

    /// Answers at the addresses of this machine's name servers that no name exists: nobody else answers in a network of its
    /// own, and some programs do not start before they know whether their addresses have names.
    pub fn answer_dns_with_nxdomain(&self, network: &Network) {
        let settings = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let servers = settings.lines().filter_map(|line| line.strip_prefix("nameserver"));
        for server in servers.filter_map(|server| server.trim().parse::<Ipv4Addr>().ok()) {
            if kind(server.into()) != Kind::Loopback {
                let address = format!("-n {} address add {server}/32 dev lo", self.space);
                run(network.ip.command().args(address.split_whitespace()), "").unwrap();
            }
            let socket = self.run(|| UdpSocket::bind((server, 53)).unwrap());
            thread::spawn(move || answer(&socket));
        }
    }

    /// Does something on this host: sockets that are opened meanwhile are its own, and programs that
    /// are started meanwhile stay there. One thread enters the namespace and ends with the work.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let space = File::open(Path::new(NAMESPACES).join(&self.space)).unwrap();
                move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Network {
    /// A router without hosts; its networks are private ones.
    pub fn new() -> Result<Self, Skipped> {
        Self::with([10, 1])
    }

    /// A router without hosts whose networks are not private (RFC 2544), as those of the Internet.
    pub fn public() -> Result<Self, Skipped> {
        Self::with([198, 18])
    }

    fn with(prefix: [u8; 2]) -> Result<Self, Skipped> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if !geteuid().is_root() {
            return Err(Skipped("network namespaces need root".into()));
        }
        let ip = Tool::debian("iproute2", &["iproute2"], "sbin/ip")?;
        let nft = Tool::debian("nftables", &["nftables"], "sbin/nft")?;
        // Cargo builds them here, not on a host without a way to anywhere.
        let _ = Program::Server.path();
        sweep(&ip);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let name = format!("{PREFIX}-{}-{number}", std::process::id());
        let router = Router { space: format!("{name}-router"), prefix, subnets: 0, outside: None };
        let mut network = Self { name, ip, nft, spaces: Vec::new(), router, nats: 0 };
        network.namespace("router").map_err(|why| Skipped(format!("network namespaces need root: {why}")))?;
        network.forwards("router");
        Ok(network)
    }

    /// A host that everybody reaches.
    pub fn host(&mut self, name: &str) -> Host {
        self.namespace(name).unwrap();
        let (subnet, router) = (self.router.next_subnet(), self.router.space.clone());
        self.attach(name, &router, subnet)
    }

    /// A host without a cable, whose address is that of its loopback.
    pub fn lone_host(&mut self, name: &str) -> Host {
        self.namespace(name).unwrap();
        let [a, b, c] = self.router.next_subnet();
        let host = Host { space: format!("{}-{name}", self.name), address: Ipv4Addr::new(a, b, c, 1) };
        let address = format!("-n {} address add {}/32 dev lo", host.space, host.address);
        run(self.ip.command().args(address.split_whitespace()), "").unwrap();
        host
    }

    /// Sends what a host has for another one through one of its devices, with a congestion control of its own if it is named.
    pub fn route(
        &self,
        host: &Host,
        other: &Host,
        device: &str,
        congestion: Option<&str>,
    ) -> Result<(), String> {
        let (space, from, to) = (&host.space, host.address, other.address);
        let congestion = congestion.map_or_else(String::new, |name| format!(" congctl {name}"));
        let route = format!("-n {space} route add {to}/32 dev {device} src {from}{congestion}");
        run(self.ip.command().args(route.split_whitespace()), "")
    }

    /// A router that lets connections out under its own address (masquerade), and none in: what comes
    /// is dropped without a word.
    pub fn nat(&mut self, name: &str) -> Result<Router, Skipped> {
        self.nat_with(name, Ports::Kept)
    }

    /// The same with the choice of its ports.
    pub fn nat_with(&mut self, name: &str, ports: Ports) -> Result<Router, Skipped> {
        let outside = self.host(name);
        self.forwards(name);
        let random = if ports == Ports::Random { " fully-random" } else { "" };
        let rules = format!(
            "table ip nat {{
            chain in {{ type nat hook prerouting priority dstnat; }}
            chain out {{ type nat hook postrouting priority srcnat; oifname \"eth0\" masquerade{random}; }}
        }}
        table ip filter {{
            chain forward {{
                type filter hook forward priority filter; policy drop;
                ct state established,related accept
                ct status dnat accept
                iifname != \"eth0\" accept
            }}
            chain own {{
                type filter hook input priority filter; policy accept;
                ct state established,related accept
                iifname \"eth0\" drop
            }}
        }}"
        );
        self.rules(&outside.space, &rules).map_err(Skipped)?;
        self.nats += 1;
        let prefix = [10, 1 + self.nats];
        Ok(Router { space: outside.space, prefix, subnets: 0, outside: Some(outside.address) })
    }

    /// A host behind a router of its own kind.
    pub fn host_behind(&mut self, router: &mut Router, name: &str) -> Host {
        self.namespace(name).unwrap();
        let subnet = router.next_subnet();
        self.attach(name, &router.space, subnet)
    }

    /// Lets one port through to a listener behind NAT, as people publish a control port.
    pub fn publish(&self, router: &Router, listener: SocketAddr) {
        let port = listener.port();
        let rule = format!("add rule ip nat in iifname \"eth0\" tcp dport {port} dnat to {}", listener.ip());
        self.rules(&router.space, &rule).unwrap();
    }

    /// A stateful firewall at a host: connections are let in to this port only. What else comes is dropped
    /// without a word, unless the host has sent something to that socket first.
    pub fn guard(&self, host: &Host, open: u16) {
        let rules = format!(
            "table inet guard {{ chain input {{
                type filter hook input priority filter; policy drop;
                iifname \"lo\" accept
                ct state established,related accept
                tcp dport {open} accept
            }}
            }}"
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// A firewall at a host that drops the connections of another host without a word, and lets all others in.
    pub fn keep_out(&self, host: &Host, other: &Host) {
        let rules = format!(
            "table ip keep {{ chain input {{
                type filter hook input priority filter; policy accept;
                ct state established,related accept
                ip saddr {} drop
            }}
            }}",
            other.address
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// What comes from `other` to `host` is lost without a word, until [`join`](Self::join).
    pub fn part(&self, host: &Host, other: &Host) {
        let address = other.ip();
        let rules = format!(
            "table inet parted {{ chain input {{
                type filter hook input priority -10;
                ip saddr {address} drop
            }}
            }}"
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// Mends what [`part`](Self::part) has cut.
    pub fn join(&self, host: &Host) {
        self.rules(&host.space, "delete table inet parted").unwrap();
    }

    /// What this host connects to at `from` leads to `to`, and whoever asked it to connect cannot tell.
    pub fn mislead(&self, host: &Host, from: SocketAddr, to: SocketAddr) {
        let rules = format!(
            "table ip misled {{ chain out {{
                type nat hook output priority -100; policy accept;
                ip daddr {} tcp dport {} dnat to {to}
            }}
            }}",
            from.ip(),
            from.port()
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// Whoever connects to `host` from `from` is taken for `other` there.
    pub fn mistake(&self, host: &Host, from: IpAddr, other: &Host) {
        let rules = format!(
            "table ip mistake {{ chain in {{
                type nat hook input priority 100; policy accept;
                ip saddr {from} tcp dport 1-65535 snat to {}
            }}
            }}",
            other.address
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// Counts the packets with which others begin connections to a host, and drops them without a word.
    pub fn count_connects(&self, host: &Host) {
        let rules = "table ip counted {
            counter connects { }
            chain in {
                type filter hook input priority -50; policy accept;
                iifname \"eth0\" tcp flags & (syn | ack) == syn counter name \"connects\" drop
            }
        }";
        self.rules(&host.space, rules).unwrap();
    }

    /// How many there were since [`count_connects`](Self::count_connects).
    pub fn connects(&self, host: &Host) -> u64 {
        let mut command = self.ip.command();
        command.args(["netns", "exec", &host.space]).arg(self.nft.program());
        command.args(["list", "counter", "ip", "counted", "connects"]).envs(self.nft.environment());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut words = said.split_whitespace().skip_while(|word| *word != "packets");
        words.nth(1).and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    }

    /// Lets in no more than this many kilobytes a second, so that transfers to the host take their time.
    pub fn slow(&self, host: &Host, kilobytes: u32) {
        let rules = format!(
            "table inet slow {{ chain input {{
                type filter hook input priority -20;
                limit rate over {kilobytes} kbytes/second burst 64 kbytes drop
            }}
            }}"
        );
        self.rules(&host.space, &rules).unwrap();
    }

    /// Takes a host's cable out: what is sent to it is lost without a word.
    pub fn unplug(&self, host: &Host) {
        run(self.ip.command().args(["-n", &host.space, "link", "set", "eth0", "down"]), "").unwrap();
    }

    /// Gives a host that everybody reaches an address of IPv6 too, in a subnet of its own.
    pub fn add_v6(&self, host: &Host) -> Result<Ipv6Addr, Skipped> {
        let [_, number, subnet, _] = host.address.octets();
        let (router, space, port) = (&self.router.space, &host.space, port_towards(subnet));
        let at = |last| Ipv6Addr::new(0xfd00, 0, number.into(), subnet.into(), 0, 0, 0, last);
        let (gateway, address) = (at(1), at(2));
        let script = format!(
            "-n {router} address add {gateway}/64 dev {port} nodad\n\
             -n {space} address add {address}/64 dev eth0 nodad\n\
             -n {space} -6 route add default via {gateway}"
        );
        for line in script.lines() {
            run(self.ip.command().args(line.split_whitespace()), "").map_err(Skipped)?;
        }
        let router = Host { space: router.clone(), address: Ipv4Addr::UNSPECIFIED };
        router.run(|| fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap());
        Ok(address)
    }

    /// Takes a host's address of IPv4 away.
    pub fn remove_v4(&self, host: &Host) {
        run(self.ip.command().args(["-n", &host.space, "-4", "address", "flush", "dev", "eth0"]), "")
            .unwrap();
    }

    /// One more namespace.
    fn namespace(&mut self, name: &str) -> Result<(), String> {
        let space = format!("{}-{name}", self.name);
        run(self.ip.command().args(["netns", "add", &space]), "")?;
        self.spaces.push(space.clone());
        run(self.ip.command().args(["-n", &space, "link", "set", "lo", "up"]), "")
    }

    /// A cable of the usual MTU from a host's `eth0` to a router, with addresses and a default route.
    fn attach(&self, name: &str, router: &str, subnet: [u8; 3]) -> Host {
        let [a, b, c] = subnet;
        let (gateway, address) = (Ipv4Addr::new(a, b, c, 1), Ipv4Addr::new(a, b, c, 2));
        let (space, port) = (format!("{}-{name}", self.name), port_towards(c));
        let script = format!(
            "-n {space} link add eth0 mtu 1500 type veth peer name {port} mtu 1500 netns {router}\n\
             -n {router} address add {gateway}/24 dev {port}\n\
             -n {router} link set {port} up\n\
             -n {space} address add {address}/24 dev eth0\n\
             -n {space} link set eth0 up\n\
             -n {space} route add default via {gateway}"
        );
        for line in script.lines() {
            run(self.ip.command().args(line.split_whitespace()), "").unwrap();
        }
        Host { space, address }
    }

    fn forwards(&self, name: &str) {
        let router = Host { space: format!("{}-{name}", self.name), address: Ipv4Addr::UNSPECIFIED };
        router.run(|| fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap());
    }

    fn rules(&self, space: &str, rules: &str) -> Result<(), String> {
        let mut command = self.ip.command();
        command.args(["netns", "exec", space]).arg(self.nft.program()).args(["-f", "-"]);
        run(command.envs(self.nft.environment()), rules)
    }
}

impl Router {
    fn next_subnet(&mut self) -> [u8; 3] {
        self.subnets += 1;
        let [first, second] = self.prefix;
        [first, second, self.subnets]
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for space in &self.spaces {
            // A test that fails has a better word for it than this would be.
            let _ = remove(&self.ip, space);
        }
    }
}

/// The name of a router's port.
fn port_towards(subnet: u8) -> String {
    format!("eth{}", 100 + u16::from(subnet))
}

/// Removes what test runs have left that were killed.
fn sweep(ip: &Tool) {
    let Ok(entries) = fs::read_dir(NAMESPACES) else { return };
    for entry in entries.map_while(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut parts = name.split('-');
        let (prefix, process) = (parts.next(), parts.next());
        let lives = |process: &str| Path::new("/proc").join(process).exists();
        if prefix == Some(PREFIX) && process.is_some_and(|process| !lives(process)) {
            // Another run may be faster.
            let _ = remove(ip, &name);
        }
    }
}

/// Answers each question with NXDOMAIN and no records (RFC 1035 section 4.1.1).
fn answer(socket: &UdpSocket) {
    let mut message = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut message) {
        let Some(answer) = message.get_mut(..length).filter(|message| message.len() >= 12) else {
            continue;
        };
        answer[2..4].copy_from_slice(&[0x81, 0x83]);
        answer[6..12].fill(0);
        let _ = socket.send_to(answer, from);
    }
}

fn remove(ip: &Tool, space: &str) -> Result<(), String> {
    run(ip.command().args(["netns", "delete", space]), "")
}

/// Runs a command to its end, which must be a good one.
fn run(command: &mut Command, input: &str) -> Result<(), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut stdin = child.stdin.take().unwrap();
    // Who ends without reading says why on the other side.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
