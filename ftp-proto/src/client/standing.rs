//! What the commands of a session may have left behind at the server.

use crate::command::{Command, Direction, Extension, Verb};
use crate::digest::Algorithm;
use crate::timer::Moment;
use crate::wire::Fingerprint;

/// Data sockets at the server that outlive a transfer and could disturb the next one.
///
/// A listener that LSTN opened stays until something ends it (RFC 438), one that PASV opened stays if
/// the transfer command fails on its file, and SOCK holds until it is changed (RFC 354).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Standing {
    /// It may have a listener, so that it would read SOCK as the filter of that listener.
    pub listens: bool,
    /// A listener that nothing has used, and to which a secret belongs.
    pub unused: Option<UnusedListener>,
    /// It may remember a SOCK, so that it would apply it as a filter to PASV.
    pub sock: bool,
    /// RSYM is in force, so that it would listen wherever it connects by SOCK.
    pub symmetric: bool,
    /// SSCN ON is in force: it is TLS client on data connections with other servers.
    pub sscn: bool,
    /// PINC is in force: the certificate that it demands on data connections.
    pub pin: Option<Fingerprint>,
    /// DGST is in force: the digest that it computes while files move.
    pub digest: Option<Algorithm>,
}

/// A listener that LSTN has opened behind RNDZ, and that no later command has used or ended. Whoever connects has to know the
/// secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct UnusedListener {
    /// What its server does with the file for which it listens.
    pub direction: Direction,
    /// Where it listens.
    pub port: u16,
    /// When its server has said so.
    pub since: Moment,
}

impl Standing {
    /// Takes note that a command was refused.
    pub(super) const fn refused(&mut self, verb: Verb) {
        if matches!(verb, Verb::Sscn) {
            self.sscn = false;
        } else if matches!(verb, Verb::Pinc) {
            self.pin = None;
        } else if matches!(verb, Verb::Dgst) {
            self.digest = None;
        }
    }

    /// Takes note of a command that is sent.
    pub(super) fn note(&mut self, command: &Command) {
        if ends_unused_listener(command) {
            self.unused = None;
        }
        match command {
            Command::Lstn(_) | Command::Pasv | Command::Cpsv | Command::Epsv(_) => self.listens = true,
            Command::Actv | Command::Port(_) | Command::Eprt(_) | Command::EprtUnknown(_) => {
                self.listens = false;
            }
            Command::Sock(_) => self.sock = true,
            Command::Extension(Extension::Rsym(on)) => self.symmetric = *on,
            Command::Extension(Extension::Dgst(algorithm)) => self.digest = *algorithm,
            Command::Sscn(Some(on)) => self.sscn = *on,
            Command::Pinc(pin) => self.pin = *pin,
            Command::User(_) | Command::Rein | Command::Auth(_) => *self = Self::default(),
            Command::Pass(_)
            | Command::Acct(_)
            | Command::Quit
            | Command::Type(_)
            | Command::Mode(_)
            | Command::Stru(_)
            | Command::Byte(_)
            | Command::Gsoc
            | Command::Rndz(_)
            | Command::Retr(_)
            | Command::Stor(_)
            | Command::Appe(_)
            | Command::Rest(_)
            | Command::List(_)
            | Command::Nlst(_)
            | Command::ListAll(_)
            | Command::NlstAll(_)
            | Command::Mlsd(_)
            | Command::Mlst(_)
            | Command::Size(_)
            | Command::Mdtm(_)
            | Command::Hash(_)
            | Command::XDigest(..)
            | Command::Rang(_)
            | Command::GridFtp(_)
            | Command::Pret(_)
            | Command::Rnfr(_)
            | Command::Rnto(_)
            | Command::Dele(_)
            | Command::Mkd(_)
            | Command::Rmd(_)
            | Command::Cwd(_)
            | Command::Cdup
            | Command::Pwd
            | Command::Abor
            | Command::Stat(_)
            | Command::Noop
            | Command::Allo(_)
            | Command::Syst
            | Command::Help(_)
            | Command::Feat
            | Command::Opts(_)
            | Command::Pbsz(_)
            | Command::Prot(_)
            | Command::Ccc
            | Command::Sscn(None)
            | Command::Stou
            | Command::Extension(Extension::Rate(_) | Extension::Prob(_))
            | Command::Detached(_)
            | Command::Practice(_)
            | Command::Pack(_)
            | Command::Other(..) => {}
        }
    }
}

/// Whether a command uses the listener, ends it, opens another one, or changes its secret.
fn ends_unused_listener(command: &Command) -> bool {
    use Verb::{Abor, Actv, Cpsv, Eprt, Epsv, Lstn, Pasv, Port, Rndz};
    command.is_transfer()
        || matches!(command.verb(), Lstn | Pasv | Cpsv | Epsv | Actv | Port | Eprt | Abor | Rndz)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Epsv;
    use crate::wire::PathName;

    fn after(commands: &[Command]) -> Standing {
        let mut standing = Standing::default();
        commands.iter().for_each(|command| standing.note(command));
        standing
    }

    #[test]
    fn a_listener_remains_until_a_command_ends_it() {
        let listens = Standing { listens: true, ..Standing::default() };
        for open in [Command::Lstn(Direction::Send), Command::Pasv, Command::Epsv(Epsv::Same)] {
            assert_eq!(after(&[open.clone(), Command::Abor, Command::Noop]), listens);
            assert_eq!(after(&[open.clone(), Command::Actv]), Standing::default());
            assert_eq!(
                after(&[open, Command::Port("192.0.2.1:40002".parse().unwrap())]),
                Standing::default()
            );
        }
    }

    #[test]
    fn a_listener_is_unused_until_a_command_uses_or_ends_it() {
        let path = || PathName::from_user("a").unwrap();
        let listener = UnusedListener { direction: Direction::Receive, port: 40_002, since: Moment::START };
        let is_unused_after = |command: Command| {
            let mut standing = Standing { unused: Some(listener), ..Standing::default() };
            standing.note(&command);
            standing.unused.is_some()
        };
        let sock = crate::address::SockTarget { host: None, port: 0 };
        for kept in [Command::Mlst(None), Command::Sock(sock), Command::Mkd(path())] {
            assert!(is_unused_after(kept.clone()), "{kept:?}");
        }
        for ended in [
            Command::Stor(path()),
            Command::Mlsd(None),
            Command::Lstn(Direction::Receive),
            Command::Epsv(Epsv::Same),
            Command::Pasv,
            Command::Actv,
            Command::Abor,
            Command::Rndz(None),
            Command::Rein,
            Command::Port("192.0.2.1:40002".parse().unwrap()),
        ] {
            assert!(!is_unused_after(ended.clone()), "{ended:?}");
        }
    }

    #[test]
    fn h23_the_part_in_tls_is_in_force_until_it_is_changed_or_refused() {
        let pin = Fingerprint::of(b"a certificate");
        let told = [Command::Sscn(Some(true)), Command::Pinc(Some(pin)), Command::Sscn(None)];
        let mut standing = after(&told);
        assert_eq!((standing.sscn, standing.pin), (true, Some(pin)));
        standing.note(&Command::Rein);
        assert_eq!(standing, Standing::default());
        standing = after(&told);
        [Verb::Sscn, Verb::Pinc, Verb::Type].into_iter().for_each(|verb| standing.refused(verb));
        assert_eq!(standing, Standing::default());
        let over = [Command::Sscn(Some(true)), Command::Pinc(Some(pin)), Command::Sscn(Some(false))];
        assert_eq!(after(&over), Standing { pin: Some(pin), ..Standing::default() });
    }

    #[test]
    fn dgst_is_in_force_until_it_is_changed_or_refused() {
        let dgst = |algorithm| Command::Extension(Extension::Dgst(algorithm));
        let on = dgst(Some(Algorithm::Sha256));
        let mut standing = after(&[on.clone(), Command::Noop]);
        assert_eq!(standing.digest, Some(Algorithm::Sha256));
        standing.refused(Verb::Dgst);
        assert_eq!(standing, Standing::default());
        assert_eq!(after(&[on.clone(), dgst(None)]), Standing::default());
        assert_eq!(after(&[on, Command::Rein]), Standing::default());
    }

    #[test]
    fn sock_is_remembered_until_the_login_begins_anew() {
        let sock = Command::Sock(crate::address::SockTarget { host: None, port: 40_002 });
        assert_eq!(after(&[sock.clone(), Command::Actv]), Standing { sock: true, ..Standing::default() });
        assert_eq!(after(&[sock, Command::Rein]), Standing::default());
    }
}
