//! One command line: what its row of the verb table allows, then what it does.

use super::ask::Event;
use super::session::Session;
use super::state::{Stage, Work};
use crate::command::verbs::{Busy, Login, Served};
use crate::command::{Command, CommandError, Fault, Verb, parse};
use crate::dialect::Dialect;
use crate::reply::Meaning;
use crate::wire::PathName;

impl Session {
    /// One command line, when its turn has come.
    pub(super) fn line(&mut self, line: &[u8]) {
        let parsed = parse(line, self.config.dialect);
        self.out.event(Event::Command(shown(line, &parsed, self.config.dialect)));
        let verb = match &parsed {
            Ok(command) => Some(command.verb()),
            Err(error) => error.verb,
        };
        // A transfer command uses the restart point up, even when it fails (E14).
        let restart = if verb.is_some_and(moves_data) { self.parameters.rest.take() } else { None };
        if let Some(verb) = verb
            && !self.may_say(verb)
        {
            return;
        }
        match parsed {
            Ok(command) => {
                if command.verb() != Verb::Rnto {
                    self.parameters.rename = None; // E22
                }
                self.execute(command, restart.unwrap_or(0));
            }
            Err(error) => self.mistake(error),
        }
    }

    /// What a verb's row says: served, after login, during a transfer.
    fn may_say(&mut self, verb: Verb) -> bool {
        let Some(row) = verb.row() else { return true };
        let busy = matches!(self.work, Work::Transfer(_));
        if row.served == Served::No {
            self.out.reply(Meaning::NotImplemented, format!("{} is not implemented here", row.name));
        } else if row.login == Login::After && !matches!(self.stage, Stage::In(_)) {
            self.out.reply(Meaning::NotLoggedIn, "Log in with USER and PASS first");
        } else if row.busy == Busy::Refuse && busy {
            let text = format!("{} is not possible during a transfer", row.name); // B22
            self.out.reply(Meaning::WhileTransfer, text);
        } else {
            return true;
        }
        false
    }

    fn mistake(&mut self, CommandError { verb, fault }: CommandError) {
        let (meaning, text) = match fault {
            Fault::Unknown => (Meaning::Unrecognised, "That command is not known"),
            Fault::Empty if self.config.dialect == Dialect::Rfc354 => (Meaning::Okay, "Blank line ignored"),
            Fault::Empty => (Meaning::Unrecognised, "A command was expected"),
            Fault::Syntax => (Meaning::Syntax, "That argument is not understood"),
            Fault::Missing => (Meaning::Missing, "An argument is missing"),
            // TENEX: "503 Host number out of range 0 - 255.", "503 Socket number out of range."
            Fault::UnknownHost => (Meaning::OutOfRange, "Host number out of range"),
            Fault::OutOfRange => (Meaning::OutOfRange, "Number out of range"),
            Fault::NotAPort => (Meaning::NotAPort, "That socket number is no port"),
            Fault::BadName => (Meaning::Syntax, "A name cannot contain NUL or a line feed"),
        };
        if verb == Some(Verb::Sock) {
            self.drop_sock(); // B06
        }
        self.out.reply(meaning, text);
    }

    fn not_implemented(&mut self, verb: Verb) {
        self.out.reply(Meaning::NotImplemented, format!("{} is not implemented here", verb.name()));
    }

    fn execute(&mut self, command: Command, restart: u64) {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(password),
            Command::Acct(_) => self.out.reply(Meaning::Superfluous, "No account is needed"),
            Command::Rein => self.rein(),
            Command::Quit => self.quit(),
            Command::Type(data_type) => self.set_type(data_type),
            Command::Mode(mode) => self.set_mode(mode),
            Command::Stru(structure) => self.set_structure(structure),
            Command::Byte(size) => self.set_byte(size),
            Command::Sock(target) => self.sock(target),
            Command::Lstn(direction) => self.lstn(direction),
            Command::Pasv => self.pasv(),
            Command::Actv => self.actv(),
            Command::Gsoc => self.gsoc(),
            Command::Port(target) => self.port(target.into()),
            Command::Eprt(target) => self.port(target),
            Command::EprtUnknown(_) => self.bad_family(),
            Command::Epsv(family) => self.epsv(family),
            Command::Rndz(secret) => self.rndz(secret),
            Command::Retr(name) => self.retr(&name, restart),
            Command::Stor(name) => self.stor(&name, restart),
            Command::Appe(name) => self.appe(&name, restart),
            Command::Rest(offset) => self.rest(offset),
            Command::List(name) => self.list_long(name.as_ref()),
            Command::Nlst(name) => self.list_names(name.as_ref()),
            Command::Mlsd(name) => self.list_facts(name.as_ref()),
            Command::Mlst(name) => self.mlst(name.as_ref()),
            Command::Size(name) => self.size(&name),
            Command::Mdtm(name) => self.mdtm(&name),
            Command::Hash(name) => self.hash(&name),
            Command::Rnfr(name) => self.rnfr(&name),
            Command::Rnto(name) => self.rnto(&name),
            Command::Dele(name) => self.dele(&name),
            Command::Mkd(name) => self.mkd(&name),
            Command::Rmd(name) => self.rmd(&name),
            Command::Cwd(name) => self.cwd(&name),
            Command::Cdup => self.cdup(),
            Command::Pwd => self.pwd(),
            Command::Abor => self.abor(),
            Command::Stat(name) => self.stat(name.as_ref()),
            Command::Noop => self.out.reply(Meaning::Okay, "NOOP done"),
            Command::Allo(_) => self.out.reply(Meaning::Superfluous, "No allocation is needed"),
            Command::Syst => self.out.reply(Meaning::SystemName, "UNIX Type: L8"),
            Command::Help(verb) => self.help(verb.as_deref()),
            Command::Feat => self.feat(),
            Command::Opts(opts) => self.opts(opts),
            Command::Other(verb, _) => self.not_implemented(verb),
            Command::Pret(_) => self.not_implemented(Verb::Pret),
            Command::XDigest(digest, _) => self.not_implemented(digest.verb()),
        }
    }
}

/// Whether a verb is a transfer command, served or not.
const fn moves_data(verb: Verb) -> bool {
    matches!(
        verb,
        Verb::Retr
            | Verb::Stor
            | Verb::Appe
            | Verb::Stou
            | Verb::Mlfl
            | Verb::List
            | Verb::Nlst
            | Verb::Mlsd
            | Verb::Prob
    )
}

/// A command line for the log: no secret, and of what is no command only its first word.
fn shown(line: &[u8], parsed: &Result<Command, CommandError>, dialect: Dialect) -> String {
    match parsed {
        Ok(command) => command.redacted(dialect),
        Err(_) => {
            let word = line.split(|&o| o == b' ').next().unwrap_or_default();
            let word = word.get(..32).unwrap_or(word);
            PathName::from_wire(word).map_or_else(|_| String::new(), |word| word.display())
        }
    }
}
