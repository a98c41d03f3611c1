//! Two servers behind NAT with no port published, an agent beside each of them, and a hub that everybody reaches.
//! The user reaches neither server.

use integration_tests::foreign::Skipped;
use integration_tests::hub::{Hub, Joined};
use integration_tests::net::{Host, Network, Ports};
use integration_tests::or_skip;
use integration_tests::site::{Server, Site, sample};
use integration_tests::user::{Run, user};
use std::net::IpAddr;

/// A server and the agent's host beside it, behind a router of their own.
pub(super) struct Far {
    pub(super) server: Server,
    beside: Host,
    /// The address of both, as everybody outside sees it; `None` without NAT.
    pub(super) outside: Option<IpAddr>,
}

/// What is before a [`Far`]: NAT with this choice of ports, or nothing.
type Before = Option<Ports>;

fn far(network: &mut Network, name: &str, files: &[(&str, &[u8])], before: Before) -> Result<Far, Skipped> {
    let agent = format!("{name}-agent");
    let (at, beside, outside) = match before {
        None => (network.host(name), network.host(&agent), None),
        Some(ports) => {
            let mut router = network.nat_with(&format!("{name}-nat"), ports)?;
            let (at, beside) =
                (network.host_behind(&mut router, name), network.host_behind(&mut router, &agent));
            (at, beside, Some(router.outside()))
        }
    };
    let site = Site::new(name).at(&at.ip()).args(["--foreign", "never"]);
    let site = files.iter().fold(site, |site, (name, bytes)| site.file(name, bytes));
    let server = at.run(|| site.start());
    Ok(Far { server, beside, outside })
}

/// How often an agent may be too late.
const ROUNDS: usize = 10;

/// Two servers that refuse foreign hosts, an agent beside each, and a hub.
pub(super) struct Scene {
    pub(super) from: Far,
    pub(super) to: Far,
    /// `zurich` beside the source, `berlin` beside the destination.
    pub(super) agents: [Joined; 2],
    pub(super) hub: Hub,
    data: Vec<u8>,
    home: Host,
    /// Goes last: the programs end before their network does.
    pub(super) network: Network,
}

impl Scene {
    /// Builds it. `change` may change the network before the agents join.
    pub(super) fn new(
        before: [Before; 2],
        change: impl FnOnce(&mut Network, [&Far; 2], &Host),
    ) -> Result<Self, Skipped> {
        let mut network = Network::public()?;
        let [home, middle] = ["user", "hub"].map(|name| network.host(name));
        let data = sample(3_000_003);
        let files: [(&str, &[u8]); 1] = [("a.bin", &data)];
        let [before_source, before_target] = before;
        let from = far(&mut network, "source", &files, before_source)?;
        let to = far(&mut network, "target", &[], before_target)?;
        change(&mut network, [&from, &to], &middle);
        let mut hub = middle.run(|| Hub::start(&middle.ip()));
        let mut join = |far: &Far, name: &str| {
            let (hub, server) = (&mut hub, far.server.ip().to_string());
            let (host, ip) = (&far.beside, far.beside.ip());
            host.run(move || hub.join(name, &ip, &[&server]))
        };
        let agents = [join(&from, "zurich"), join(&to, "berlin")];
        Ok(Self { from, to, agents, hub, data, home, network })
    }

    /// Copies until the agent beside the source says this. It may be too late for a direct connection where the host
    /// is busy; then the agents begin anew.
    pub(super) fn copies_until(&mut self, words: &str) {
        self.copies_until_run(words, |_| true);
    }

    /// The same, until a run says this of itself, too.
    pub(super) fn copies_until_run(&mut self, words: &str, is_wanted: impl Fn(&Run) -> bool) {
        for round in 0..ROUNDS {
            let run = self.copies(&format!("{round}.bin"));
            if self.agents[0].running.said().contains(words) && is_wanted(&run) {
                return;
            }
            for (agent, far) in self.agents.iter_mut().zip([&self.from, &self.to]) {
                far.beside.run(|| agent.die_and_return());
                agent.until_joined(1);
            }
        }
        panic!("never {words:?}\n{}", self.shown());
    }

    /// The file arrives whole under this name.
    pub(super) fn copies(&self, name: &str) -> Run {
        let run =
            user().args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--timeout", "30s"]);
        let run = run.args(["--path", "relay"]).relay(self.hub.address, &self.hub.token_file);
        let run = run.args([self.from.server.url("a.bin"), self.to.server.url(name)]);
        let run = self.home.run(|| run.run());
        let shown = || format!("{run}\n{}", self.shown());
        assert_eq!(run.code(), Some(0), "{}", shown());
        assert!(self.to.server.bytes(name) == self.data, "{}", shown());
        assert_eq!(run.summary()["verified"], "sha-256", "{}", shown());
        run
    }

    /// What the agents and the hub have said.
    pub(super) fn shown(&self) -> String {
        let [zurich, berlin] = &self.agents;
        [zurich.running.said(), berlin.running.said(), self.hub.running.said()].join("\n--\n")
    }
}

#[test]
fn r42_two_servers_that_only_their_agents_reach_exchange_a_file_through_the_hub() {
    let random = Some(Ports::Random);
    let scene = or_skip!(Scene::new([random; 2], |_, _, _| ()));
    scene.copies("a.bin");
    assert_eq!(scene.to.server.names(), scene.from.server.names(), "{}", scene.shown());
}

#[test]
fn r55_a_user_who_reaches_neither_server_lists_one_and_copies_a_tree_of_it_through_its_agent() {
    let random = Some(Ports::Random);
    let scene = or_skip!(Scene::new([random; 2], |_, _, _| ()));
    let run = |verb: &str| {
        let run = user().args([verb, "--retries", "0", "--timeout", "30s"]);
        run.relay(scene.hub.address, &scene.hub.token_file)
    };
    let list = run("ls").args([scene.from.server.url("")]);
    let listed = scene.home.run(|| list.run());
    assert_eq!(
        (listed.code(), &listed.stdout[..]),
        (Some(0), &["a.bin".to_owned()][..]),
        "{}",
        scene.shown()
    );
    let tree = run("copy").args(["-r", &scene.from.server.url(""), "all"]);
    let tree = scene.home.run(|| tree.run());
    assert_eq!(tree.code(), Some(0), "{tree}\n{}", scene.shown());
    assert!(tree.bytes("all/a.bin") == scene.data, "{tree}");
}
