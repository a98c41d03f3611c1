//! What a relay keeps in memory when nobody is there and when many joins flow at once, and how large
//! our agent is as one file without libraries.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use super::contender::{Build, Contender};
use super::lab::{End, Lab};
use crate::plan::Plan;
use crate::process::{peak_mib, resident_mib};
use crate::report::Report;

const JOINS: usize = 64;
/// Through each of them.
const PIECES: usize = 32;
const PIECE: usize = 1 << 20;

pub(super) fn table(plan: &Plan, all: Vec<Contender>, report: &mut Report) {
    let lab = Lab::loopback();
    let mut all: Vec<Contender> = all.into_iter().filter(Contender::carries_many).collect();
    // The static file is what people install; it takes minutes to build.
    let built = if plan.is_quick { Err("not in a quick run".to_owned()) } else { static_file() };
    match built {
        Ok((program, size)) => {
            let agent = Contender::Agent(Build::Static(program));
            report.add("relay, the file", "MB", agent.name(), size);
            all.insert(1, agent);
        }
        Err(reason) => report.skip("static ftp-relay-agent", reason),
    }
    for contender in &all {
        let (at_rest, at_most) = resident(contender, &lab);
        report.add("relay without sessions", "MB", contender.name(), at_rest);
        report.add("relay with 64 joins at once", "MB", contender.name(), at_most);
    }
}

fn resident(contender: &Contender, lab: &Lab) -> (f64, f64) {
    let listener = TcpListener::bind((lab.ip(End::Sink), 0)).unwrap();
    let sink = listener.local_addr().unwrap();
    let Some(idle) = contender.start(lab, sink, 0) else { return (0.0, 0.0) };
    let at_rest = resident_mib(idle.id) * MB;
    drop(idle);
    let Some(relay) = contender.start(lab, sink, JOINS) else { return (at_rest, 0.0) };
    flow(&listener, &relay.entrances);
    (at_rest, peak_mib(relay.id) * MB)
}

/// All joins at once: nobody sends the second half before everybody has sent the first.
fn flow(listener: &TcpListener, entrances: &[SocketAddr]) {
    let halfway = Barrier::new(entrances.len());
    thread::scope(|scope| {
        let sources: Vec<_> = entrances.iter().map(|to| scope.spawn(|| send(*to, &halfway))).collect();
        let sinks: Vec<_> = entrances
            .iter()
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                scope.spawn(move || drain(stream))
            })
            .collect();
        for sink in sinks {
            assert_eq!(sink.join().unwrap(), PIECES * PIECE);
        }
        sources.into_iter().for_each(|source| drop(source.join().unwrap()));
    });
}

fn send(to: SocketAddr, halfway: &Barrier) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    let piece = vec![7; PIECE];
    for number in 0..PIECES {
        if number == PIECES / 2 {
            halfway.wait();
        }
        stream.write_all(&piece).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    stream
}

fn drain(mut stream: TcpStream) -> usize {
    let (mut all, mut piece) = (0, vec![0; PIECE]);
    while let read @ 1.. = stream.read(&mut piece).unwrap() {
        all += read;
    }
    all
}

/// The program that `.ci/static` builds, and its size in MB; else its last words.
fn static_file() -> Result<(PathBuf, f64), String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new("./.ci/static").current_dir(top).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = said.lines().find_map(|line| {
        let (program, size) = line.strip_suffix(" bytes")?.rsplit_once(": ")?;
        Some((top.join(program), size.parse::<f64>().ok()? / 1e6))
    });
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    found.ok_or_else(|| said.lines().chain(errors.lines()).last().unwrap_or("it says nothing").to_owned())
}

/// In a MiB.
const MB: f64 = 1.048_576;
