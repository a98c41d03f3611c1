//! Attacks of one token with names: a resolver that never answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ftp_proto::relay::message::FromAgent;
use integration_tests::relay::{Greeter, Relay};
use integration_tests::silent_names::{NAME, SilentNames};

use super::relay::{Entrance, attackers, session_of_other};
use super::{Scene, rest};
use crate::plan::Plan;
use crate::report::Report;

/// The server whose name is known.
const SERVER: &str = "127.0.0.2";

pub(super) fn table(plan: &Plan, report: &mut Report) {
    let names = SilentNames::new(SERVER, "");
    let Some(names) = report.found("names whose server is silent", names) else { return };
    let agent = Relay::new()
        .launcher(&names.launcher())
        .allow(&format!("{SERVER}:21,1024-65535"))
        .token("other")
        .start();
    let greeter = Greeter::start(SERVER);
    let probe = || session_of_other(&agent, NAME, greeter.address().port());
    let scene = Scene { id: agent.running.id(), probe: &probe };
    let alone = scene.alone("a session and a tunnel to a name, alone", report);
    let attacker = Entrance { at: agent.address, token: Arc::new(agent.token.clone()) };
    let asked = Arc::new(AtomicU64::new(0));
    scene.beside(
        plan,
        alone,
        "names whose server is silent",
        |stop| attackers(&attacker, stop, move |entrance, stop| asks(entrance, &asked, stop)),
        report,
    );
    rest();
}

/// New names all the time, ahead of their answers.
fn asks(entrance: &Entrance, asked: &AtomicU64, stop: &super::Stop) -> Option<()> {
    let mut session = entrance.enter()?;
    let ask = |session: &mut integration_tests::relay::Session| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        session.tunnel(&format!("n{number}.silent.test"), 21);
    };
    (0..32).for_each(|_| ask(&mut session));
    while !stop.is_told() {
        if matches!(session.said().ok()?, FromAgent::Refused { .. }) {
            ask(&mut session);
        }
    }
    Some(())
}
