//! What a user agent says: messages with ids that fit, and some that do not.

use super::super::script::Script;
use super::driver::Driver;
use ftp_proto::relay::digest;
use ftp_proto::relay::message::{GrantPurpose, Id, Leg, LegId, Meeting, Pin, Target, Text, ToAgent, Waits};
use ftp_proto::relay::token::Secret32;
use std::net::IpAddr;

/// Servers: two that are allowed, and one that is not.
const HOSTS: [[u8; 4]; 4] = [[192, 0, 2, 1], [192, 0, 2, 2], [198, 51, 100, 7], [198, 51, 100, 9]];

/// The secret of every meeting.
pub(super) const MEETING: [u8; 32] = [0x5A; 32];

impl Driver {
    /// The message of a step, which takes what it needs from the script.
    pub(super) fn message(&mut self, step: u8, script: &mut Script<'_>) -> ToAgent {
        match step & 15 {
            0 => ToAgent::Introduce { name: Text::of("ann"), build: Text::of("test 1") },
            1 => {
                let how = script.byte();
                let host = if how & 8 == 0 { host(how).to_string() } else { "ftp.example".to_owned() };
                let target = Target { host: Text::of(&host), port: if how & 4 == 0 { 21 } else { 990 } };
                self.grant(GrantPurpose::Tunnel(target), how)
            }
            2 => {
                let how = script.byte();
                let hosts = (0..how & 3).map(|number| host(number + (how >> 2 & 1))).collect();
                self.grant(GrantPurpose::Join(hosts), how)
            }
            3 => ToAgent::Tunnel { id: self.next_id(script), grant: self.granted(script) },
            4 => ToAgent::Join {
                id: self.next_id(script),
                grant: self.granted(script),
                a: leg(script.byte()),
                b: leg(script.byte()),
                waits: waits(script.byte()),
            },
            5 => {
                let how = script.byte();
                let secret = Secret32::new(MEETING);
                let meeting = match how & 2 {
                    0 => Meeting::Await(secret),
                    _ => Meeting::Call { agent: Text::of("one"), secret },
                };
                ToAgent::Meet {
                    id: self.next_id(script),
                    grant: self.granted(script),
                    near: if how & 1 == 0 { LegId::A } else { LegId::B },
                    leg: leg(how >> 2),
                    meeting,
                    waits: waits(how >> 6),
                }
            }
            6 => ToAgent::Close { id: self.used(script) },
            7 => ToAgent::Stat { join: self.used(script) },
            8 => ToAgent::Revoke { grant: self.granted(script), reset: script.byte() & 1 == 1 },
            9 => ToAgent::Bye,
            10 => ToAgent::Ext { name: Text::of("date"), body: Vec::new() },
            11 => digest::request(self.used(script)).expect("an id can be written"),
            12 => ToAgent::Ext { name: Text::of("other"), body: script.text().to_vec() },
            _ => ToAgent::Ping { t: u64::from(step) },
        }
    }

    fn grant(&mut self, purpose: GrantPurpose, how: u8) -> ToAgent {
        self.last_id += 1;
        self.grants.push(Id(self.last_id));
        let max_ms = if how & 16 == 0 { u32::MAX } else { 20_000 };
        let max_bytes = if how & 32 == 0 { u64::MAX } else { 0 };
        ToAgent::Grant { id: Id(self.last_id), purpose, max_bytes, max_ms, uses: how >> 6 }
    }

    /// The next id; seldom one that was used.
    fn next_id(&mut self, script: &mut Script<'_>) -> Id {
        if script.byte() < 250 {
            self.last_id += 1;
        }
        Id(self.last_id)
    }

    /// A grant that was asked for; the last one by 0.
    fn granted(&self, script: &mut Script<'_>) -> Id {
        script.pick(self.grants.iter().rev().copied()).unwrap_or(Id(0))
    }

    /// An id that was used, the last one by 0.
    fn used(&self, script: &mut Script<'_>) -> Id {
        Id(self.last_id.saturating_sub(script.byte().into()))
    }
}

fn host(number: u8) -> IpAddr {
    HOSTS[usize::from(number & 3)].into()
}

fn leg(how: u8) -> Leg {
    let ip = host(how >> 1);
    match how & 1 {
        0 => Leg::Listen(Pin { ip, port: (how & 8 != 0).then_some(20) }),
        _ => Leg::Dial((ip, if how & 8 == 0 { 5_000 } else { 6_000 }).into()),
    }
}

fn waits(how: u8) -> Waits {
    if how & 1 == 0 {
        Waits::default()
    } else {
        Waits { leg_ms: 0, idle_ms: u32::MAX, half_idle_ms: 1, stall_ms: 0 }
    }
}
