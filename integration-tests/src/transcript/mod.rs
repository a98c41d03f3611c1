//! The language of the fixtures: a dialogue with one or two real servers, written as it looks.
//!
//! ```text
//! # B03 [438] the transfer comes from the announced socket     the statement, in words
//! @ both                     old | mod | both: on which listener (both when it is not said)
//! @ flags --gender off       more options of the servers; <free> is a port that nobody uses
//! @ file a.txt hello         a file of site 1; `file2` of site 2
//! @ sites 2                  C2 talks to a second server, else to the same one
//! =: listen p                the test listens; its port is <p>
//! C: SOCK <p>                a command line; C1: and C2: where there are two
//! S: 255 SOCK <n>            a reply: codes, then its text with captures and `*`
//! S?: 255 *                  a reply that may be left out
//! =: accept d at p from <n>  a data connection `d`, from that port
//! S: 252|257/226             alternatives with |, old / new
//! ```
//! Every play has addresses of its own, so that no port of another test is taken for one of its:
//! `<own>` is the test's (`<ownhost>` as one integer, `<owncommas>` as PORT has it), `<third>` a third
//! host's, `<ip1>` and `<ip2>` the servers' (`<host1>`, `<commas1>`, `<port1>` the control port's).
//! Replies: `passive <n>` as text takes the port from 255, 227 or 229. Escapes `\r \n \0 \xNN \s`
//! (a space at the end of a line). `C!:` sends bytes without CR LF, `C^:` one byte as urgent data,
//! `S!:` expects bytes, `Q:` that nothing was said yet, `E:` the end. `So:` and `Sm:` hold in one
//! dialect only.
//! All steps that start with `=:` are in `play.rs`.

mod play;
mod script;
mod suite;

pub use script::{Transcript, directory, unescape};
pub use suite::{all, play_all};
