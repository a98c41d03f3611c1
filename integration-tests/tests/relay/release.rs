//! The agent as people get it: one small file that needs nothing of its host.

use super::SOURCE;
use ftp_proto::relay::message::FromAgent;
use integration_tests::relay::{Agent, Relay, Session};
use integration_tests::skip;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A session that has been granted something.
fn granted(agent: &Agent) -> Session {
    let mut session = agent.session();
    let grant = session.grant(&[SOURCE], 1, 1);
    session.hear_until(|heard| match heard {
        FromAgent::Granted { id, .. } => (*id == grant).then_some(()),
        _ => None,
    });
    session
}

/// It has no rights and nowhere to write, and a user agent is there.
fn works_without_rights(relay: Relay) -> (Agent, Session) {
    let agent = relay.allow(SOURCE).poor().start();
    let session = granted(&agent);
    (agent, session)
}

#[test]
fn r52_without_root_and_with_a_home_that_is_read_only_it_works() {
    let (agent, _session) = works_without_rights(Relay::new());
    assert_ne!(agent.running.kernel_says("status", "Uid"), 0);
}

/// Where `.ci/static` has left it: `FTP_RELAY_AGENT=FILE`.
#[test]
fn r52_the_static_build_is_small_and_needs_no_library() {
    let Some(program) = std::env::var_os("FTP_RELAY_AGENT").map(PathBuf::from) else {
        skip!("FTP_RELAY_AGENT names no static build; .ci/static makes one");
    };
    let file = std::fs::read(&program).unwrap();
    assert!(file.len() < 3_000_000, "{} bytes", file.len());
    assert!(is_static(&file), "{} needs a dynamic linker", program.display());
    let (agent, _session) = works_without_rights(Relay::new().program(program));
    let resident = agent.running.kernel_says("status", "VmRSS") * 1024;
    assert!(resident < 5_000_000, "{resident} bytes of memory");
}

/// `.ci/static` has left it for another processor: `FTP_RELAY_AGENT_FOREIGN=FILE`, and `FTP_RELAY_EMULATOR` starts it.
#[test]
fn r52_the_static_build_for_another_processor_starts_and_serves() {
    let named = |name| std::env::var_os(name).map(PathBuf::from);
    let (Some(program), Some(emulator)) = (named("FTP_RELAY_AGENT_FOREIGN"), named("FTP_RELAY_EMULATOR"))
    else {
        skip!("FTP_RELAY_AGENT_FOREIGN and FTP_RELAY_EMULATOR name no static build; .ci/static makes one");
    };
    let size = std::fs::metadata(&program).unwrap().len();
    assert!(size < 3_000_000, "{size} bytes");
    let directory = tempfile::tempdir().unwrap();
    let starter = directory.path().join("starter");
    let line = format!("#!/bin/sh\nexec {} {} \"$@\"\n", emulator.display(), program.display());
    std::fs::write(&starter, line).unwrap();
    std::fs::set_permissions(&starter, std::fs::Permissions::from_mode(0o755)).unwrap();
    let agent = Relay::new().program(starter).allow(SOURCE).start();
    granted(&agent);
}

/// An ELF file of 64 bits, little-endian, without a segment that names a dynamic linker (PT_INTERP).
fn is_static(file: &[u8]) -> bool {
    let number = |at: usize, size: usize| {
        let bytes = file[at..at + size].iter().rev();
        bytes.fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    assert_eq!(&file[..6], b"\x7fELF\x02\x01");
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(count > 0);
    (0..count).all(|segment| number(table + segment * size, 4) != PT_INTERP)
}

const PT_INTERP: usize = 3;
