//! One token holder against the others.

use ftp_proto::relay::message::{Code, FromAgent, Leg, LegState, ToAgent, Waits};
use integration_tests::or_skip;
use integration_tests::relay::{Greeter, Relay, listen};
use integration_tests::silent_names::{NAME, SilentNames};
use std::net::TcpStream;

const SOURCE: &str = "127.0.0.2";

#[test]
fn r24_an_open_leg_of_another_token_is_not_dialled() {
    let here = "127.0.0.1";
    let agent = Relay::new().allow("127.0.0.0/8:21,1024-65535").token("other").start();
    // Its server is on the host of the relay, so that the relay itself has the address for which the leg waits.
    let mut owner = agent.session_with(&agent.others[0]).unwrap().greeted(&[here, SOURCE]);
    let grant = owner.grant(&[here, SOURCE], u64::MAX, 1);
    owner.join(grant, listen(here), listen(SOURCE), Waits::default());
    let (LegState::Listening(leg), _) = owner.ready() else { panic!("it does not listen") };
    let mut attacker = agent.session().greeted(&[&leg.ip().to_string(), SOURCE]);
    let grant = attacker.grant(&[&leg.ip().to_string(), SOURCE], u64::MAX, 1);
    attacker.join(grant, Leg::Dial(leg), listen(SOURCE), Waits::default());
    attacker.hear_until(|heard| match heard {
        FromAgent::Refused { code, .. } => {
            assert_eq!(*code, Code::Denied);
            Some(())
        }
        FromAgent::LegUp { .. } => panic!("{heard:?}"),
        _ => None,
    });
    // The right one is let in, and nobody was there before.
    let server = TcpStream::connect(leg).unwrap();
    owner.hear_until(|heard| match heard {
        FromAgent::LegUp { peer, strangers, .. } => {
            assert_eq!((*peer, *strangers), (server.local_addr().unwrap(), 0));
            Some(())
        }
        FromAgent::Stranger { .. } => panic!("{heard:?}"),
        _ => None,
    });
}

#[test]
fn names_whose_server_is_silent_keep_no_other_token_waiting() {
    let names = or_skip!(SilentNames::new(SOURCE, ""));
    let agent = Relay::new()
        .launcher(&names.launcher())
        .allow(&format!("{SOURCE}:1024-65535"))
        .token("other")
        .start();
    let mut attacker = agent.session();
    for number in 0..60 {
        attacker.tunnel(&format!("n{number}.silent.test"), 21);
    }
    // The relay has heard all of that when it answers what comes behind it.
    attacker.say(ToAgent::Ping { t: 7 });
    attacker.hear_until(|heard| matches!(heard, FromAgent::Pong { t: 7, .. }).then_some(()));
    let mut other = agent.session_with(&agent.others[0]).unwrap();
    for _ in 0..3 {
        other.tunnel(NAME, Greeter::start(SOURCE).address().port());
        other.hear_until(|heard| match heard {
            FromAgent::Refused { .. } => panic!("{heard:?}"),
            FromAgent::TunnelReady { .. } => Some(()),
            _ => None,
        });
    }
}
