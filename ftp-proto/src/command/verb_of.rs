//! The verb of a [`Command`], and so its row in the table of verbs.

use super::{Command, Verb};

impl Command {
    /// Returns the verb of this command.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::User(_) => Verb::User,
            Self::Pass(_) => Verb::Pass,
            Self::Acct(_) => Verb::Acct,
            Self::Rein => Verb::Rein,
            Self::Quit => Verb::Quit,
            Self::Type(_) => Verb::Type,
            Self::Mode(_) => Verb::Mode,
            Self::Stru(_) => Verb::Stru,
            Self::Byte(_) => Verb::Byte,
            Self::Sock(_) => Verb::Sock,
            Self::Lstn(_) => Verb::Lstn,
            Self::Pasv => Verb::Pasv,
            Self::Actv => Verb::Actv,
            Self::Gsoc => Verb::Gsoc,
            Self::Port(_) => Verb::Port,
            Self::Eprt(_) | Self::EprtUnknown(_) => Verb::Eprt,
            Self::Epsv(_) => Verb::Epsv,
            Self::Rndz(_) => Verb::Rndz,
            Self::Pret(_) => Verb::Pret,
            Self::Retr(_) => Verb::Retr,
            Self::Stor(_) => Verb::Stor,
            Self::Appe(_) => Verb::Appe,
            Self::Rest(_) => Verb::Rest,
            Self::List(_) => Verb::List,
            Self::Nlst(_) => Verb::Nlst,
            Self::Mlsd(_) => Verb::Mlsd,
            Self::Mlst(_) => Verb::Mlst,
            Self::Size(_) => Verb::Size,
            Self::Mdtm(_) => Verb::Mdtm,
            Self::Hash(_) => Verb::Hash,
            Self::XDigest(digest, _) => digest.verb(),
            Self::Rnfr(_) => Verb::Rnfr,
            Self::Rnto(_) => Verb::Rnto,
            Self::Dele(_) => Verb::Dele,
            Self::Mkd(_) => Verb::Mkd,
            Self::Rmd(_) => Verb::Rmd,
            Self::Cwd(_) => Verb::Cwd,
            Self::Cdup => Verb::Cdup,
            Self::Pwd => Verb::Pwd,
            Self::Abor => Verb::Abor,
            Self::Stat(_) => Verb::Stat,
            Self::Noop => Verb::Noop,
            Self::Allo(_) => Verb::Allo,
            Self::Syst => Verb::Syst,
            Self::Help(_) => Verb::Help,
            Self::Feat => Verb::Feat,
            Self::Opts(_) => Verb::Opts,
            Self::Other(verb, _) => *verb,
        }
    }
}
