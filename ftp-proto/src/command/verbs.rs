//! The one table of verbs: what holds for a verb before its argument is looked at.
//! HELP, FEAT, "not logged in", "not during a transfer" and the reference page all read it.

/// Every verb that this suite knows, served or not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "a verb's documentation is its row in VERBS")]
pub enum Verb {
    // access (RFC 354, 454, 959)
    User,
    Pass,
    Acct,
    Rein,
    Quit,
    Cwd,
    Cdup,
    Smnt,
    // parameters
    Type,
    Mode,
    Stru,
    Byte,
    Form,
    Allo,
    Rest,
    // data sockets, 1973 family
    Sock,
    Lstn,
    Pasv,
    Actv,
    Gsoc,
    Rsym,
    // data sockets, RFC 959 and 2428, practice
    Port,
    Eprt,
    Epsv,
    Cpsv,
    Pret,
    Cepr,
    // transfers
    Retr,
    Stor,
    Appe,
    Stou,
    List,
    Nlst,
    Mlsd,
    Mlst,
    Mail,
    Mlfl,
    // files
    Rnfr,
    Rnto,
    Dele,
    Mkd,
    Rmd,
    Pwd,
    Size,
    Mdtm,
    Mfmt,
    Mff,
    Hash,
    Rang,
    Avbl,
    Xcrc,
    Xmd5,
    Xsha,
    Xsha1,
    Xsha256,
    Xsha512,
    // information
    Stat,
    Help,
    Noop,
    Syst,
    Feat,
    Opts,
    Site,
    Abor,
    Clnt,
    Host,
    Csid,
    Lang,
    Quot,
    Nquo,
    // security (RFC 2228, 4217)
    Auth,
    Adat,
    Pbsz,
    Prot,
    Ccc,
    Mic,
    Conf,
    Enc,
    Sscn,
    // extensions of this suite
    Rndz,
    Pinc,
    Dgst,
    Prob,
    Rate,
    Deta,
}

/// One verb's rules.
#[derive(Debug)]
pub struct Row {
    /// The verb.
    pub verb: Verb,
    /// Its name on the wire.
    pub name: &'static str,
    /// Other names for the same (X-forms of RFC 1123 4.1.3.1, RTRV of RFC 478).
    pub aliases: &'static [&'static str],
    /// What follows the name, for HELP.
    pub syntax: &'static str,
    /// Where it is defined.
    pub source: &'static str,
    /// Whether it needs a login.
    pub login: Login,
    /// What happens to it while a transfer is under way.
    pub busy: Busy,
    /// Whether the server machine serves it now.
    pub served: Served,
}

/// Whether a verb needs a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Login {
    /// May be said before.
    Before,
    /// Only after.
    After,
}

/// What happens to a verb that arrives while a transfer is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Done at once (ABOR, STAT, BYE).
    Now,
    /// Waits for the end of the transfer.
    Queue,
    /// Refused, the transfer is untouched (SOCK, B22).
    Refuse,
}

/// Whether our server serves a verb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Served {
    /// It does.
    Yes,
    /// Known, answered "not implemented" (502/506).
    No,
}

/// The table. One row for each [`Verb`].
pub static VERBS: &[Row] = &[];

impl Verb {
    /// This verb's row.
    pub fn row(self) -> Option<&'static Row> {
        VERBS.iter().find(|row| row.verb == self)
    }

    /// The verb of a name or alias, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        VERBS
            .iter()
            .find(|row| {
                row.name.as_bytes().eq_ignore_ascii_case(name)
                    || row.aliases.iter().any(|alias| alias.as_bytes().eq_ignore_ascii_case(name))
            })
            .map(|row| row.verb)
    }
}
