//! Long lines between hosts of a [`Network`]: packet by packet, with a rate, a delay, a queue and losses.
//! Not netem, because many kernels come without it. [`delay`](crate::delay) delays the bytes of single connections, which needs
//! no root.
//!
//! A line has a TUN device at each end. One thread carries the packets of all lines from one device to the other.

use crate::foreign::Skipped;
use crate::net::{Host, Network};
use crate::sim::random::Random;
use ftp_io::clock::Clock;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tun_rs::{DeviceBuilder, SyncDevice};

/// The largest packet.
const MTU: u16 = 1500;
/// A late packet arrives when so many bytes more have arrived.
const LATE: usize = 10 * MTU as usize;
/// Packets that one direction takes before it is the turn of the next.
const TURN: usize = 64;
/// The longest wait, after which the thread looks whether it has to end.
const WAIT: Duration = Duration::from_millis(50);

/// What happens to packets in each direction of a line.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Bits per second.
    pub rate: u64,
    /// From one end to the other.
    pub delay: Duration,
    /// One packet in this many is lost.
    pub lost_one_in: Option<u64>,
    /// One packet in this many arrives after those that follow it.
    pub late_one_in: Option<u64>,
    /// From when to when the rate is a tenth, from the beginning on.
    pub slow: Option<[Duration; 2]>,
    /// Bytes that wait for their turn before others are dropped.
    pub queue: usize,
    /// The congestion control of the connections over it; `None`: that of the machine.
    pub congestion: Option<&'static str>,
}

impl Line {
    /// A line whose queue holds what is under way in a round trip.
    pub fn new(rate: u64, round_trip: Duration) -> Self {
        let queue = (rate as f64 / 8.0 * round_trip.as_secs_f64()) as usize;
        let queue = queue.max(2 * usize::from(MTU));
        Self {
            rate,
            delay: round_trip / 2,
            lost_one_in: None,
            late_one_in: None,
            slow: None,
            queue,
            congestion: None,
        }
    }

    /// The same with losses.
    pub const fn with_losses(self, one_in: u64) -> Self {
        Self { lost_one_in: Some(one_in), ..self }
    }

    /// The same with a congestion control.
    pub const fn with_congestion(self, name: &'static str) -> Self {
        Self { congestion: Some(name), ..self }
    }

    /// How long the line needs for so many bytes that it sends at `now`.
    fn time(&self, bytes: usize, now: Duration) -> Duration {
        let is_slow = self.slow.is_some_and(|[from, to]| (from..to).contains(&now));
        let rate = if is_slow { self.rate / 10 } else { self.rate };
        Duration::from_nanos(bytes as u64 * 8_000_000_000 / rate)
    }
}

/// One direction of a line.
#[derive(Debug)]
pub struct OneWay {
    line: Line,
    random: Random,
    /// When the last packet has left the queue.
    sent: Duration,
    /// Packets and when they arrive, in their order.
    under_way: VecDeque<(Duration, Vec<u8>)>,
}

impl OneWay {
    /// An idle one whose losses are those of a seed.
    pub const fn new(line: Line, seed: u64) -> Self {
        Self { line, random: Random::new(seed), sent: Duration::ZERO, under_way: VecDeque::new() }
    }

    /// Takes a packet in. A lost packet uses its share of the rate.
    pub fn send(&mut self, packet: &[u8], now: Duration) {
        let Self { line, random, sent, under_way } = self;
        let begin = (*sent).max(now);
        if begin + line.time(packet.len(), now) > now + line.time(line.queue, now) {
            return;
        }
        *sent = begin + line.time(packet.len(), begin);
        if line.lost_one_in.is_some_and(|packets| random.once_in(packets)) {
            return;
        }
        let is_late = line.late_one_in.is_some_and(|packets| random.once_in(packets));
        let due = *sent + line.delay + if is_late { line.time(LATE, begin) } else { Duration::ZERO };
        let after = under_way.partition_point(|(other, _)| *other <= due);
        under_way.insert(after, (due, packet.to_vec()));
    }

    /// When the next packet arrives.
    pub fn next(&self) -> Option<Duration> {
        self.under_way.front().map(|(due, _)| *due)
    }

    /// The next packet that has arrived.
    pub fn arrived(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.under_way.pop_front_if(|(due, _)| *due <= now).map(|(_, packet)| packet)
    }
}

/// Lines that carry packets until this is dropped.
#[derive(Debug)]
pub struct Lines {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// An end of a line, and the direction that begins there.
struct End {
    device: SyncDevice,
    direction: OneWay,
}

impl Lines {
    /// Joins pairs of hosts that have no cable. Their losses are those of a seed.
    ///
    /// # Errors
    ///
    /// This machine has no TUN devices, or this user may not make them.
    pub fn between(network: &Network, pairs: &[([&Host; 2], Line)], seed: u64) -> Result<Self, Skipped> {
        let mut ends = Vec::new();
        for (hosts, line) in pairs {
            let [one, other] = *hosts;
            for (at, to) in [(one, other), (other, one)] {
                let name = format!("to-{}", to.name());
                let device =
                    at.run(|| device(&name)).map_err(|why| Skipped(format!("no TUN device: {why}")))?;
                network.route(at, to, &name, line.congestion).map_err(Skipped)?;
                ends.push(End { device, direction: OneWay::new(*line, seed * 1000 + ends.len() as u64) });
            }
        }
        let ended = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&ended);
        let thread = thread::spawn(move || carry(&mut ends, &seen).unwrap());
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // A thread that has failed has said why.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// A device of the namespace in which this thread is.
fn device(name: &str) -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new().name(name).mtu(MTU);
    // The queue is the line's: none is dropped before it.
    let device = device.with(|device| {
        device.tx_queue_len(20_000);
    });
    let device = device.build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

/// Carries packets from each end to the other one of its line, until it is told to end.
fn carry(ends: &mut [End], ended: &AtomicBool) -> io::Result<()> {
    let clock = Clock::start();
    let now = || clock.now().since_start();
    let mut packet = [0; MTU as usize];
    while !ended.load(Ordering::SeqCst) {
        let mut next = now() + WAIT;
        for at in 0..ends.len() {
            while let Some(packet) = ends[at].direction.arrived(now()) {
                // The other end of a line stands beside this one.
                ends[at ^ 1].device.send(&packet)?;
            }
            let End { device, direction } = &mut ends[at];
            for _ in 0..TURN {
                match device.recv(&mut packet) {
                    Ok(length) => direction.send(&packet[..length], now()),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            next = direction.next().map_or(next, |due| due.min(next));
        }
        let wait = Timespec::try_from(next.saturating_sub(now())).unwrap();
        let mut descriptors: Vec<PollFd<'_>> =
            ends.iter().map(|end| PollFd::new(&end.device, PollFlags::IN)).collect();
        poll(&mut descriptors, Some(&wait))?;
    }
    Ok(())
}
