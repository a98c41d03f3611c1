//! Two agents on a virtual network: what lies before each of them decides which packets arrive, a seed decides how
//! long everything takes.

use super::*;
use crate::relay::hub::SeenAddresses;
use crate::timer::Moment;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// What lies before an agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Edge {
    Open,
    /// A firewall: what comes is let in if the agent has sent something to where it comes from.
    Firewall,
    /// The same, and the address is another one.
    Nat,
    /// The same, and each peer sees another port.
    Symmetric,
}

const EDGES: [Edge; 4] = [Edge::Open, Edge::Firewall, Edge::Nat, Edge::Symmetric];

/// A world with two agents: the caller is 0, the other one 1.
struct World {
    now: Moment,
    machines: [Punch; 2],
    edges: [Edge; 2],
    /// Who has sent something to whom: an agent, and the place as it was sent to.
    sent: BTreeSet<(usize, SocketAddr)>,
    listens: [bool; 2],
    due: BTreeMap<(Moment, u64), Due>,
    events: u64,
    random: u64,
    /// Both ends of each connection; `None` for a stranger's.
    conns: BTreeMap<u64, (u64, [Option<usize>; 2])>,
    proofs: BTreeSet<(usize, u64)>,
    last_conn: u64,
    connects: [u32; 2],
    outcomes: [Option<Outcome>; 2],
    /// What the driver does with a proof.
    lies: bool,
}

enum Due {
    Seen(usize),
    Bytes(usize, Vec<u8>),
    /// A connection that an agent has begun; how often the system has sent its first packet.
    Syn(usize, SocketAddr, u32),
    Refused(usize),
    Proof(usize, u64),
    /// An agent learns what has come of a proof.
    Known(usize, u64, Option<[u8; 32]>),
    /// The end of the connection through the hub.
    Closed(usize),
    Timer,
}

impl World {
    fn new(edges: [Edge; 2], seed: u64) -> Self {
        let [one, two] = [Role::Caller, Role::Called].map(|role| Punch::new(Moment::START, role));
        let mut world = Self {
            now: Moment::START,
            machines: [one, two],
            edges,
            sent: BTreeSet::new(),
            listens: [false; 2],
            due: BTreeMap::new(),
            events: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            conns: BTreeMap::new(),
            proofs: BTreeSet::new(),
            last_conn: 0,
            connects: [0; 2],
            outcomes: [None; 2],
            lies: false,
        };
        for agent in [0, 1] {
            world.after(400, Due::Seen(agent));
        }
        world
    }

    fn local(&self, agent: usize) -> SocketAddr {
        let behind = matches!(self.edges[agent], Edge::Nat | Edge::Symmetric);
        let text = if behind { "10.0.0.2:4000" } else { ["192.0.2.1:4000", "198.51.100.2:4000"][agent] };
        text.parse().unwrap()
    }

    /// Where the hub sees an agent.
    fn at_hub(&self, agent: usize) -> SocketAddr {
        let ip = ["192.0.2.1", "198.51.100.2"][agent].parse().unwrap();
        SocketAddr::new(ip, if self.edges[agent] == Edge::Symmetric { 30_001 } else { 4_000 })
    }

    /// Where the other agent sees it.
    fn at_peer(&self, agent: usize) -> SocketAddr {
        let at = self.at_hub(agent);
        if self.edges[agent] == Edge::Symmetric { SocketAddr::new(at.ip(), 30_002) } else { at }
    }

    fn after(&mut self, most_ms: u64, due: Due) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.at(self.now + Duration::from_millis(self.random % most_ms.max(1)), due);
    }

    fn at(&mut self, at: Moment, due: Due) {
        self.events += 1;
        self.due.insert((at, self.events), due);
    }

    fn input(&mut self, agent: usize, input: Input<'_>) {
        if self.outcomes[agent].is_some() {
            return;
        }
        self.machines[agent].input(self.now, input);
        loop {
            match self.machines[agent].poll() {
                Output::Send(bytes) => {
                    self.at(self.now + Duration::from_millis(40), Due::Bytes(1 - agent, bytes))
                }
                Output::Connect(to) => {
                    self.connects[agent] += 1;
                    self.at(self.now, Due::Syn(agent, to, 0));
                }
                Output::Prove(ConnId(conn)) => self.after(60, Due::Proof(agent, conn)),
                Output::Reset(ConnId(conn)) => drop(self.conns.remove(&conn)),
                Output::Done(outcome) => {
                    if matches!(outcome, Outcome::Direct(_)) {
                        self.at(self.now + Duration::from_millis(40), Due::Closed(1 - agent));
                    }
                    return self.outcomes[agent] = Some(outcome);
                }
                Output::Wait(Some(at)) => return self.at(at, Due::Timer),
                Output::Wait(None) => panic!("{agent} waits for ever"),
            }
        }
    }

    /// Whether a packet of `from` to `to` gets through to the other agent, which listens there.
    fn passes(&mut self, from: usize, to: SocketAddr) -> bool {
        self.sent.insert((from, to));
        let other = 1 - from;
        let seen_from = self.at_peer(from);
        if self.edges[other] == Edge::Open {
            return to == self.at_hub(other);
        }
        to == self.at_peer(other) && self.sent.contains(&(other, seen_from))
    }

    fn syn(&mut self, from: usize, to: SocketAddr, times: u32) {
        let other = 1 - from;
        if self.outcomes[from].is_some() {
            return;
        }
        if !self.passes(from, to) {
            // The system repeats the first packet after a second.
            if times < 3 {
                let again = self.now + Duration::from_secs(1 << times);
                self.at(again, Due::Syn(from, to, times + 1));
            }
            return;
        }
        if self.outcomes[other].is_some() || !self.listens[other] {
            return self.after(40, Due::Refused(from));
        }
        self.last_conn += 2;
        let (mine, theirs) = (self.last_conn, self.last_conn + 1);
        self.conns.insert(mine, (theirs, [Some(from), Some(other)]));
        self.conns.insert(theirs, (mine, [Some(other), Some(from)]));
        let seen_from = self.at_peer(from);
        self.input(other, Input::Arrived { conn: ConnId(theirs), from: seen_from });
        self.input(from, Input::Connected(Some(ConnId(mine))));
    }

    /// A proof needs both ends.
    fn proof(&mut self, agent: usize, conn: u64) {
        self.proofs.insert((agent, conn));
        let Some((other_end, [_, Some(other)])) = self.conns.get(&conn).copied() else {
            return self.input(agent, Input::Proven(ConnId(conn), None));
        };
        if !self.proofs.contains(&(other, other_end)) {
            return;
        }
        let exporter = [u8::try_from(conn / 2).unwrap(); 32];
        let proven = (!self.lies).then_some(exporter);
        // Each may be busy with something else: the called one may hear the verdict before it knows.
        for (agent, conn) in [(agent, conn), (other, other_end)] {
            self.after(200, Due::Known(agent, conn, proven));
        }
    }

    fn run(&mut self) -> [Outcome; 2] {
        while let Some(((at, _), due)) = self.due.pop_first() {
            self.now = at;
            match due {
                Due::Seen(agent) => {
                    let seen = SeenAddresses {
                        ticket: [0; 16],
                        own: self.at_hub(agent),
                        other: self.at_hub(1 - agent),
                    };
                    self.listens[agent] = true;
                    let local = self.local(agent);
                    self.input(agent, Input::Seen { seen, local });
                }
                Due::Closed(agent) => {
                    if self.outcomes[agent].is_some() || self.machines[agent].missing() > 0 {
                        self.input(agent, Input::Closed);
                    }
                }
                Due::Known(agent, conn, proven) => self.input(agent, Input::Proven(ConnId(conn), proven)),
                Due::Bytes(agent, bytes) => {
                    for byte in bytes {
                        assert!(self.machines[agent].missing() > 0 || self.outcomes[agent].is_some());
                        self.input(agent, Input::Bytes(&[byte]));
                    }
                }
                Due::Syn(from, to, times) => self.syn(from, to, times),
                Due::Refused(agent) => self.input(agent, Input::Connected(None)),
                Due::Proof(agent, conn) => self.proof(agent, conn),
                Due::Timer => [0, 1].into_iter().for_each(|agent| self.input(agent, Input::Timeout)),
            }
            if let [Some(one), Some(two)] = self.outcomes {
                return [one, two];
            }
        }
        panic!("it never ends: {:?}", self.outcomes)
    }
}

fn is_direct(world: &World, [one, two]: [Outcome; 2]) -> bool {
    match (one, two) {
        (Outcome::Direct(ConnId(one)), Outcome::Direct(ConnId(two))) => world.conns[&one].0 == two,
        _ => false,
    }
}

#[test]
fn r48_a_direct_connection_comes_about_wherever_the_network_permits_one() {
    for edges in EDGES.into_iter().flat_map(|one| EDGES.map(|two| [one, two])) {
        for seed in 0..500 {
            let mut world = World::new(edges, seed);
            let outcomes = world.run();
            let took = world.now.since(Moment::START);
            let behind = |edge| matches!(edge, Edge::Nat | Edge::Symmetric);
            let symmetric = edges.contains(&Edge::Symmetric);
            let shown = format!("{edges:?} {seed} {outcomes:?} {took:?}");
            if symmetric && edges.iter().all(|edge| behind(*edge)) {
                assert_eq!(outcomes[0], Outcome::Hub(HubReason::Hopeless), "{shown}");
                assert_eq!(world.connects, [0; 2], "{shown}");
                assert!(took < Duration::from_millis(500), "{shown}");
            } else if symmetric && edges.contains(&Edge::Firewall) {
                assert_eq!(outcomes[0], Outcome::Hub(HubReason::NoConnection), "{shown}");
            } else {
                assert!(is_direct(&world, outcomes), "{shown}");
            }
            assert!(took < Duration::from_millis(2_500), "{shown}");
            assert!(world.connects.iter().all(|count| *count <= 10), "{shown}");
        }
    }
}

#[test]
fn r48_without_a_proof_the_file_goes_through_the_hub() {
    for seed in 0..200 {
        let mut world = World::new([Edge::Open, Edge::Nat], seed);
        world.lies = true;
        let [caller, called] = world.run();
        assert_eq!(caller, Outcome::Hub(HubReason::NoConnection));
        assert!(matches!(called, Outcome::Hub(HubReason::NoConnection | HubReason::Decided)), "{called:?}");
        assert!(world.connects.iter().all(|count| *count <= 10), "{seed}: {:?}", world.connects);
    }
}

/// One machine with a test on the other side.
struct Alone {
    machine: Punch,
    now: Moment,
    out: Vec<Output>,
}

const OWN: &str = "192.0.2.1:4000";
const OTHER: &str = "198.51.100.2:5000";

impl Alone {
    fn new(role: Role) -> Self {
        let now = Moment::START;
        Self { machine: Punch::new(now, role), now, out: Vec::new() }
    }

    /// One that knows where it is seen, and where the other one says that it is.
    fn offered_at(role: Role, at: &str) -> Self {
        let mut alone = Self::new(role);
        alone.seen();
        alone.offered(at);
        alone
    }

    fn input(&mut self, input: Input<'_>) {
        self.machine.input(self.now, input);
        loop {
            match self.machine.poll() {
                Output::Wait(_) => return,
                Output::Send(_) => {}
                done @ Output::Done(_) => return self.out.push(done),
                asked @ (Output::Connect(_) | Output::Prove(_) | Output::Reset(_)) => self.out.push(asked),
            }
        }
    }

    fn seen(&mut self) {
        let seen =
            SeenAddresses { ticket: [0; 16], own: OWN.parse().unwrap(), other: OTHER.parse().unwrap() };
        self.input(Input::Seen { seen, local: OWN.parse().unwrap() });
    }

    fn hears(&mut self, talk: &Talk) {
        let frame = encode(talk).unwrap();
        self.input(Input::Bytes(&frame));
    }

    fn offered(&mut self, at: &str) {
        self.hears(&Talk::Offer(Some(Place { at: at.parse().unwrap(), nat: Nat::KeepsPort })));
    }

    fn passes(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.input(Input::Timeout);
    }
}

#[test]
fn r48_an_agent_that_names_another_host_than_the_hub_sees_makes_nobody_connect() {
    for lie in ["203.0.113.9:5000", "198.51.100.2:443", "198.51.100.2:5001"] {
        let alone = Alone::offered_at(Role::Caller, lie);
        assert_eq!(alone.out, [Output::Done(Outcome::Hub(HubReason::Contradiction))], "{lie}");
    }
    let alone = Alone::offered_at(Role::Caller, OTHER);
    assert_eq!(alone.out, [Output::Connect(OTHER.parse().unwrap())]);
}

#[test]
fn r48_a_stranger_at_the_port_is_reset_and_a_crowd_of_neighbours_bounded() {
    let mut alone = Alone::offered_at(Role::Called, OTHER);
    alone.out.clear();
    alone.input(Input::Arrived { conn: ConnId(1), from: "203.0.113.9:5000".parse().unwrap() });
    assert_eq!(alone.out, [Output::Reset(ConnId(1))]);
    alone.out.clear();
    for number in 2..=7 {
        alone.input(Input::Arrived { conn: ConnId(number), from: "198.51.100.2:999".parse().unwrap() });
    }
    let proves = (2..=5).map(|number| Output::Prove(ConnId(number)));
    let resets = (6..=7).map(|number| Output::Reset(ConnId(number)));
    assert_eq!(alone.out, proves.chain(resets).collect::<Vec<_>>());
}

const ARRIVED: ConnId = ConnId(1);
const EXPORTER: [u8; 32] = [1; 32];

/// A called agent that is proving a connection when it hears that this one is chosen.
fn chosen_before_it_is_proven() -> Alone {
    let mut alone = Alone::offered_at(Role::Called, OTHER);
    alone.input(Input::Arrived { conn: ARRIVED, from: OTHER.parse().unwrap() });
    alone.out.clear();
    alone.hears(&Talk::Verdict(Verdict::Direct(EXPORTER)));
    assert_eq!(alone.out, [], "the connection is still being proven");
    assert_eq!(alone.machine.missing(), 0, "the other agent says no more");
    alone
}

#[test]
fn r48_a_verdict_may_come_before_its_connection_is_known_to_be_proven() {
    let mut alone = chosen_before_it_is_proven();
    // The caller leaves the connection through the hub at once.
    alone.input(Input::Closed);
    alone.input(Input::Connected(None));
    alone.passes(2_000);
    alone.input(Input::Arrived { conn: ConnId(2), from: OTHER.parse().unwrap() });
    assert_eq!(alone.out, [Output::Reset(ConnId(2))], "nothing new is begun");
    alone.out.clear();
    alone.input(Input::Proven(ARRIVED, Some(EXPORTER)));
    assert_eq!(alone.out, [Output::Done(Outcome::Direct(ARRIVED))]);
}

#[test]
fn r48_a_chosen_connection_that_is_not_proven_breaks_the_pair_and_nobody_waits() {
    for proven in [None, Some([2; 32])] {
        let mut alone = chosen_before_it_is_proven();
        alone.input(Input::Proven(ARRIVED, proven));
        assert!(matches!(alone.out[..], [Output::Done(Outcome::Broken(_))]), "{:?}", alone.out);
    }
    let mut alone = chosen_before_it_is_proven();
    alone.passes(10_000);
    assert!(matches!(alone.out[..], [Output::Done(Outcome::Broken(_))]), "{:?}", alone.out);
}

#[test]
fn r48_refused_connections_are_repeated_ten_times_and_no_more() {
    let mut alone = Alone::offered_at(Role::Caller, OTHER);
    for _ in 0..50 {
        alone.input(Input::Connected(None));
        alone.passes(100);
    }
    let connects = alone.out.iter().filter(|output| matches!(output, Output::Connect(_))).count();
    assert_eq!(connects, 10);
    assert_eq!(alone.out.last(), Some(&Output::Done(Outcome::Hub(HubReason::NoConnection))));
}

#[test]
fn whoever_takes_no_part_says_so_and_nobody_waits() {
    let mut alone = Alone::new(Role::Caller);
    alone.input(Input::Never(HubReason::Busy(Busy::Resting)));
    alone.offered(OTHER);
    assert_eq!(alone.out, [Output::Done(Outcome::Hub(HubReason::Busy(Busy::Resting)))]);
    let mut alone = Alone::new(Role::Caller);
    alone.passes(2_000);
    alone.hears(&Talk::Offer(None));
    assert_eq!(alone.out, [Output::Done(Outcome::Hub(HubReason::NotTold))]);
    let mut alone = Alone::new(Role::Called);
    alone.passes(2_000);
    alone.offered(OTHER);
    alone.hears(&Talk::Verdict(Verdict::Hub));
    assert_eq!(alone.out, [Output::Done(Outcome::Hub(HubReason::NotTold))], "its own reason is not lost");
    let mut alone = Alone::offered_at(Role::Called, OTHER);
    alone.hears(&Talk::Verdict(Verdict::Hub));
    assert_eq!(alone.out.last(), Some(&Output::Done(Outcome::Hub(HubReason::Decided))));
}

#[test]
fn what_does_not_belong_there_breaks_the_connection() {
    let place = Talk::Offer(None);
    let verdict = Talk::Verdict(Verdict::Direct([1; 32]));
    let broken = |role: Role, talks: &[&Talk]| {
        let mut alone = Alone::new(role);
        alone.seen();
        talks.iter().for_each(|talk| alone.hears(talk));
        matches!(alone.out.last(), Some(Output::Done(Outcome::Broken(_))))
    };
    assert!(broken(Role::Called, &[&place, &place]));
    assert!(broken(Role::Called, &[&verdict]), "before the offer");
    assert!(broken(Role::Called, &[&place, &verdict]), "nobody has proven that one");
    assert!(broken(Role::Caller, &[&verdict]), "the caller decides");
    let mut alone = Alone::new(Role::Called);
    alone.input(Input::Bytes(&[0xff; 8]));
    assert!(matches!(alone.out[..], [Output::Done(Outcome::Broken(_))]));
    for (wait, role) in [(10_000, Role::Caller), (20_000, Role::Called)] {
        let mut alone = Alone::new(role);
        alone.passes(2_000);
        if role == Role::Called {
            alone.hears(&place);
        }
        alone.passes(wait);
        assert!(matches!(alone.out[..], [Output::Done(Outcome::Broken(_))]), "{role:?} {:?}", alone.out);
    }
}

#[test]
fn r48_the_hub_and_a_connection_share_one_wait() {
    let mut alone = Alone::new(Role::Caller);
    alone.passes(900);
    alone.seen();
    alone.offered(OTHER);
    alone.passes(1_100);
    assert_eq!(alone.out.last(), Some(&Output::Done(Outcome::Hub(HubReason::NoConnection))));
    // The other agent's offer is read first, or it would be read as part of the file.
    let mut alone = Alone::new(Role::Caller);
    alone.seen();
    alone.passes(2_000);
    assert_eq!(alone.out, []);
    alone.offered(OTHER);
    assert_eq!(alone.out, [Output::Done(Outcome::Hub(HubReason::NoConnection))], "it is too late to connect");
}
