//! Reads a stream of replies on standard input and prints what each of them is.
//!
//! ```sh
//! printf '227 Entering Passive Mode (192,0,2,1,156,66)\r\n' | cargo run -p ftp-proto --example parse_replies -- PASV
//! ```
//!
//! The arguments are the verb that the replies answer (NOOP when there is none) and `1973` for the
//! dialect of RFC 354.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

use ftp_proto::address::{parse_227, parse_229, parse_255};
use ftp_proto::command::Verb;
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Class, Reply, ReplyReader, blame, classify};
use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut dialect, mut verb) = (Dialect::Rfc959, Verb::Noop);
    for argument in std::env::args().skip(1) {
        match Verb::named(argument.as_bytes()) {
            Some(named) => verb = named,
            None if argument == "1973" => dialect = Dialect::Rfc354,
            None => {
                eprintln!("usage: parse_replies [VERB] [1973] < replies");
                return ExitCode::from(2);
            }
        }
    }

    let mut reader = ReplyReader::new();
    let mut piece = [0; 4096];
    loop {
        let bytes = match std::io::stdin().lock().read(&mut piece) {
            Ok(0) => return ExitCode::SUCCESS,
            Ok(count) => piece.get(..count).unwrap_or_default(),
            Err(error) => {
                eprintln!("standard input: {error}");
                return ExitCode::FAILURE;
            }
        };
        reader.push(bytes);
        loop {
            match reader.next() {
                Ok(Some(reply)) => describe(dialect, verb, &reply),
                Ok(None) => break,
                Err(error) => {
                    eprintln!("this is not FTP: {error}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
}

fn describe(dialect: Dialect, verb: Verb, reply: &Reply) {
    let class = classify(dialect, verb, reply.code);
    println!("{}", reply.display());
    println!("  for {verb:?}: {class:?}");
    match class {
        Class::Later | Class::Refused => println!("  to blame: {:?}", blame(dialect, verb, reply)),
        Class::Done => announced(verb, reply),
        Class::Aside | Class::Preliminary | Class::More => {}
    }
    for line in reply.lines.iter().rev().skip(1).rev() {
        println!("  | {}", String::from_utf8_lossy(line));
    }
}

/// Where the server listens, if it says so.
fn announced(verb: Verb, reply: &Reply) {
    let text = reply.text();
    let socket = parse_255(text).filter(|_| matches!(verb, Verb::Sock | Verb::Lstn | Verb::Pasv));
    if let Some(address) = parse_227(text).filter(|_| verb == Verb::Pasv) {
        println!("  listens at {address}");
    } else if let Some(port) = parse_229(text).filter(|_| verb == Verb::Epsv) {
        println!("  listens at port {port}");
    } else if let Some(port) = socket {
        println!("  its data socket is {port}");
    }
}
