//! One client in one setting: it does all that it can with our server, and what it says is not believed.
//! The files on both sides and the server's log are looked at.

use super::super::client::{ClientRun, Desk};
use super::super::fetch::{Tool, clients};
use super::client::{Client, Step};
use super::setting::{Mode, Setting, Version};
use crate::site::{PASSWORD, Server, Site, USER, sample};
use crate::skip::Skipped;
use ftp_proto::dialect::Dialect;
use std::fs::File;

/// Bytes of each file that moves.
const SIZE: usize = 200_000;
/// Bytes of it that an interrupted transfer has left. The scripts know this number.
const PART: usize = 70_000;
/// Where a download goes on: there, or at the beginning of a piece of it (aria2).
const RESTARTS: [&str; 2] = ["command=\"REST 70000\"", "command=\"REST 65536\""];
/// Bytes of the file whose download is stopped: more than all buffers on the way hold.
const BIG: u64 = 1 << 30;
/// The log is at its most talkative level: it tells commands and versions of TLS.
const TALKATIVE: [&str; 2] = ["--log-level", "debug"];

/// Runs a client in a setting. `Ok(Err(_))` says what went wrong.
pub fn trial(client: &Client, setting: Setting) -> Result<Result<(), String>, Skipped> {
    let (tool, args) = (client.start)()?;
    let mut server = server(client, setting);
    let desk = desk(client, setting);
    let tool = describe(tool, &server, setting);
    let steps = client.steps(setting);
    let args: Vec<&str> =
        args.iter().map(String::as_str).chain(steps.iter().map(|step| step.name())).collect();
    let ClientRun { code, stdout: said, stderr: errors } = desk.try_run(&tool, &args, "");
    // The log is complete when the server has ended.
    server.running.signal(rustix::process::Signal::TERM);
    server.running.wait();
    let log = server.running.said();
    let mut wrong: Vec<String> = steps
        .iter()
        .filter(|step| !is_done(**step, &server, &desk, &log))
        .map(|step| step.name().to_owned())
        .collect();
    wrong.extend(unlike(setting, client, &log));
    if code != Some(0) {
        wrong.push(format!("ended with {code:?}"));
    }
    Ok(match wrong.as_slice() {
        [] => Ok(()),
        wrong => Err(format!(
            "{} ({}), {setting:?}: {}\n-- it said --\n{said}\n{errors}\n-- the server --\n{log}",
            client.name,
            client.language,
            wrong.join(", ")
        )),
    })
}

fn server(client: &Client, setting: Setting) -> Server {
    let mut site = Site::new("roster").args(TALKATIVE).file("d/a.bin", sample(SIZE));
    for (name, bytes) in
        [("half.bin", sample(PART)), ("old.bin", b"old".into()), ("gone.bin", b"gone".into())]
    {
        site = site.file(name, bytes);
    }
    if let Some(version) = setting.version() {
        let reuse = if client.resumes(version) { "required" } else { "preferred" };
        site = site.tls().args(["--tls-session-reuse", reuse]);
    }
    let server = site.start();
    File::create(server.path("big.bin")).unwrap().set_len(BIG).unwrap();
    server
}

fn desk(client: &Client, setting: Setting) -> Desk {
    let desk = Desk::new();
    if let Some(version) = setting.version() {
        // For a client that leaves the version to OpenSSL.
        desk.put("openssl.cnf", only(version));
    }
    desk.put("content", sample(SIZE));
    desk.put("part", sample(PART));
    // Under its own name a script would hide the library that it imports.
    let script = clients().join(client.script);
    if script.is_file() {
        let ending = client.script.rsplit('.').next().unwrap_or_default();
        desk.put(&format!("script.{ending}"), std::fs::read(script).unwrap());
    }
    desk
}

/// A configuration of OpenSSL with one version of TLS.
fn only(version: Version) -> String {
    let number = version.number();
    format!(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = versions\n[versions]\n\
         MinProtocol = TLSv{number}\nMaxProtocol = TLSv{number}\n"
    )
}

/// What every script reads from its environment.
fn describe(tool: Tool, server: &Server, setting: Setting) -> Tool {
    let at = match setting.protection() {
        "implicit" => server.implicit(),
        _ => server.address(Dialect::Rfc959),
    };
    let version = setting.version().map_or("", |version| version.number());
    tool.with("FTP_HOST", at.ip().to_string())
        .with("FTP_PORT", at.port().to_string())
        .with("FTP_LOGIN", USER)
        .with("FTP_PASSWORD", PASSWORD)
        .with("FTP_TLS", setting.protection())
        .with("FTP_TLS_VERSION", version)
        .with("FTP_MODE", setting.mode.name())
}

fn is_done(step: Step, server: &Server, desk: &Desk, log: &str) -> bool {
    let whole = |bytes: std::io::Result<Vec<u8>>| bytes.is_ok_and(|bytes| bytes == sample(SIZE));
    let here = |name: &str| std::fs::read(desk.path(name));
    let there = |name: &str| std::fs::read(server.path(name));
    match step {
        Step::List => here("listing").is_ok_and(|text| String::from_utf8_lossy(&text).contains("a.bin")),
        Step::Download => whole(here("whole")),
        Step::ResumeDownload => whole(here("part")) && RESTARTS.iter().any(|at| log.contains(at)),
        Step::Upload => whole(there("up.bin")),
        Step::ResumeUpload => whole(there("half.bin")) && !sent_all_of(log, "/half.bin"),
        Step::Rename => there("new.bin").is_ok() && there("old.bin").is_err(),
        Step::Delete => there("gone.bin").is_err(),
        Step::Abort => whole(here("after")) && is_cut(log, "/big.bin"),
    }
}

/// Whether the log tells of a transfer that was cut short.
fn is_cut(log: &str, path: &str) -> bool {
    let named = format!("path=\"{path}\"");
    log.lines().any(|line| line.contains(&named) && line.contains("whole=false"))
}

/// Whether a transfer moved the whole file.
fn sent_all_of(log: &str, path: &str) -> bool {
    let named = format!("path=\"{path}\"");
    let size = format!("bytes={SIZE} ");
    log.lines().any(|line| line.contains(&named) && line.contains(&size))
}

/// Where the dialogue was not that of the setting.
fn unlike(setting: Setting, client: &Client, log: &str) -> Vec<String> {
    let count = |what: &str| log.matches(what).count();
    let passive = count("command=\"PASV") + count("command=\"EPSV");
    let active = count("command=\"PORT") + count("command=\"EPRT");
    let mut wrong = Vec::new();
    if (passive > 0, active > 0) != (setting.mode == Mode::Passive, setting.mode == Mode::Active) {
        wrong.push(format!("{passive} passive and {active} active data connections"));
    }
    let private = count("TLS on a data connection");
    if let Some(version) = setting.version() {
        let name = format!("version=\"TLSv{}\"", version.number());
        if count("version=\"TLSv") != count(&name) || private < count("said reply=\"150") {
            wrong.push("data in clear, or another version of TLS".to_owned());
        }
        if client.resumes(version) && count("resumed=false") > 0 {
            wrong.push("a data connection that resumed nothing".to_owned());
        }
    }
    wrong
}
