//! Attacks of one token with names: a resolver that never answers.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ftp_proto::relay::message::FromAgent;
use integration_tests::relay::{Greeter, Relay};
use tempfile::TempDir;

use super::relay::{Entrance, attackers, session_of_other};
use super::{Scene, rest};
use crate::plan::Plan;

/// Where the resolver says nothing, and the server that is in the hosts file.
const RESOLVER: &str = "127.0.5.1:53";
const SERVER: &str = "127.0.0.2";
const NAME: &str = "server.test";

pub(super) fn table(plan: &Plan) {
    let files = Files::new();
    let tried = Command::new("sh").args(["-c", &format!("{} true", files.launcher())]).output();
    let Ok(_silent) = UdpSocket::bind(RESOLVER) else {
        return println!("names whose server is silent: SKIPPED, {RESOLVER} is not free or needs root");
    };
    if !tried.is_ok_and(|output| output.status.success()) {
        return println!("names whose server is silent: SKIPPED, a mount namespace needs root and unshare");
    }
    let agent = Relay::new()
        .launcher(&files.launcher())
        .allow(&format!("{SERVER}:21,1024-65535"))
        .token("other")
        .start();
    let greeter = Greeter::start(SERVER);
    let probe = || session_of_other(&agent, NAME, greeter.address().port());
    let scene = Scene { id: agent.running.id(), probe: &probe };
    let alone = scene.alone("a session and a tunnel to a name, alone");
    let attacker = Entrance { at: agent.address, token: Arc::new(agent.token.clone()) };
    let asked = Arc::new(AtomicU64::new(0));
    scene.beside(plan, &alone, "names whose server is silent", |stop| {
        attackers(&attacker, stop, move |entrance, stop| asks(entrance, &asked, stop))
    });
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

/// The files of the resolver, as the relay sees them.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let resolver = RESOLVER.split(':').next().unwrap_or_default();
        fs::write(directory.path().join("resolv.conf"), format!("nameserver {resolver}\n")).unwrap();
        fs::write(directory.path().join("hosts"), format!("{SERVER} {NAME}\n")).unwrap();
        Self(directory)
    }

    /// A line of a shell that begins a program with these files.
    fn launcher(&self) -> String {
        let at = self.0.path().display();
        let mount = |file: &str| format!("mount --bind {at}/{file} /etc/{file}");
        let (resolver, hosts) = (mount("resolv.conf"), mount("hosts"));
        format!("exec unshare --mount sh -c '{resolver} && {hosts} && exec \"$0\" \"$@\"'")
    }
}
