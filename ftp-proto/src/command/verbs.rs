//! The table of verbs: the rules of each verb that do not depend on its argument. HELP, FEAT, the order
//! of commands and the reference page are made from it.

/// The rules of one verb.
#[derive(Clone, Debug)]
pub struct Row {
    /// The verb that the row describes.
    pub verb: Verb,
    /// The name of the verb in a command line.
    pub name: &'static str,
    /// Other names of the verb (the X forms of RFC 1123 section 4.1.3.1; RTRV of RFC 478).
    pub aliases: &'static [&'static str],
    /// The form of the argument, for HELP.
    pub syntax: &'static str,
    /// The document that defines the verb.
    pub source: &'static str,
    /// Whether the verb needs a login.
    pub login: Login,
    /// What happens to the verb during a transfer.
    pub busy: Busy,
    /// Whether the server machine serves the verb.
    pub served: ServerSupport,
}

/// Whether a verb needs a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Login {
    /// The verb is allowed before the login.
    Before,
    /// The verb is allowed only after the login.
    After,
}

/// What happens to a verb that arrives during a transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// It is executed at once (ABOR, STAT, BYE).
    Now,
    /// It waits for the end of the transfer.
    Queue,
    /// It is refused, and the transfer is not affected (SOCK, B22).
    Refuse,
}

/// Whether the server machine serves a verb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerSupport {
    /// The verb is served.
    Yes,
    /// The verb is known and answered with "not implemented" (502 or 506).
    No,
}

/// Makes the enum and the table from the same rows, so that each verb has exactly one row.
macro_rules! verbs {
    ($( $verb:ident $name:literal $aliases:tt $syntax:literal $source:literal $login:ident $busy:ident $served:ident; )*) => {
        /// All verbs that this crate knows, whether it serves them or not.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Verb {
            $( #[doc = concat!("`", $name, "` (", $source, ")")] $verb, )*
        }

        /// The table of verbs: one row for each [`Verb`], in the order of HELP.
        pub static VERBS: &[Row] = &[
            $( Row {
                verb: Verb::$verb,
                name: $name,
                aliases: &$aliases,
                syntax: $syntax,
                source: $source,
                login: Login::$login,
                busy: Busy::$busy,
                served: ServerSupport::$served,
            }, )*
        ];

        impl Verb {
            /// Returns the name of this verb in a command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$verb => $name, )*
                }
            }
        }
    };
}

// SOCK, LSTN, PASV and GSOC reserve ports and therefore need a login (dialect-1973 section 7.1),
// although servers of 1973 allowed SOCK before it. Commands that only set a parameter are allowed before
// the login.
verbs! {
    // access
    User    "USER"   []         "<name>"                         "RFC 354, 959"                         Before Queue  Yes;
    Pass    "PASS"   []         "<password>"                     "RFC 354, 959"                         Before Queue  Yes;
    Acct    "ACCT"   []         "<account>"                      "RFC 354, 959"                         Before Queue  Yes;
    Rein    "REIN"   []         ""                               "RFC 454, 959"                         Before Queue  Yes;
    Quit    "QUIT"   ["BYE"]    ""                               "RFC 354 (BYE), 959"                   Before Now    Yes;
    Cwd     "CWD"    ["XCWD"]   "<path>"                         "RFC 542, 959; XCWD RFC 1123"          After  Queue  Yes;
    Cdup    "CDUP"   ["XCUP"]   ""                               "RFC 959; XCUP RFC 1123"               After  Queue  Yes;
    Smnt    "SMNT"   []         "<path>"                         "RFC 959"                              After  Queue  No;
    // parameters
    Type    "TYPE"   []         "A [N] | I | L 8"                "RFC 354, 959"                         Before Queue  Yes;
    Mode    "MODE"   []         "B | S | Z"                      "RFC 354, 959"                         Before Queue  Yes;
    Stru    "STRU"   []         "F"                              "RFC 354, 959"                         Before Queue  Yes;
    Byte    "BYTE"   []         "8"                              "RFC 354"                              Before Queue  Yes;
    Form    "FORM"   []         "U | P"                          "RFC 454"                              Before Queue  No;
    Allo    "ALLO"   []         "<bytes> [R <bytes>]"            "RFC 354, 959"                         After  Queue  Yes;
    Rest    "REST"   []         "<bytes>"                        "RFC 3659"                             After  Queue  Yes;
    // data sockets, 1973
    Sock    "SOCK"   []         "[<host>,]<port>"                "RFC 354, 438"                         After  Refuse Yes;
    Lstn    "LSTN"   []         "R | S"                          "RFC 438"                              After  Queue  Yes;
    Pasv    "PASV"   []         ""                               "RFC 478, 959"                         After  Queue  Yes;
    Actv    "ACTV"   []         ""                               "RFC 607, 614"                         After  Queue  Yes;
    Gsoc    "GSOC"   []         ""                               "RFC 430, 463"                         After  Queue  Yes;
    Rsym    "RSYM"   []         "ON | OFF"                       "docs/protocol/extensions.md"          After  Queue  Yes;
    // data sockets, RFC 959, 2428 and practice
    Port    "PORT"   []         "<h1>,<h2>,<h3>,<h4>,<p1>,<p2>"  "RFC 959"                              After  Queue  Yes;
    Eprt    "EPRT"   []         "|<family>|<host>|<port>|"       "RFC 2428"                             After  Queue  Yes;
    Epsv    "EPSV"   []         "[1 | 2 | ALL]"                  "RFC 2428"                             After  Queue  Yes;
    Cpsv    "CPSV"   []         ""                               "practice"                             After  Queue  Yes;
    Pret    "PRET"   []         "<command>"                      "practice"                             After  Queue  Yes;
    Cepr    "CEPR"   []         "ON | OFF"                       "practice"                             After  Queue  Yes;
    // transfers
    Retr    "RETR"   ["RTRV"]   "<path>"                         "RFC 354, 959; RTRV RFC 478"           After  Queue  Yes;
    Stor    "STOR"   []         "<path>"                         "RFC 354, 959"                         After  Queue  Yes;
    Appe    "APPE"   []         "<path>"                         "RFC 354, 959"                         After  Queue  Yes;
    Stou    "STOU"   []         ""                               "RFC 959"                              After  Queue  Yes;
    List    "LIST"   []         "[<path>]"                       "RFC 354, 959"                         After  Queue  Yes;
    Nlst    "NLST"   []         "[<path>]"                       "RFC 354, 959"                         After  Queue  Yes;
    Mlsd    "MLSD"   []         "[<path>]"                       "RFC 3659"                             After  Queue  Yes;
    Mlst    "MLST"   []         "[<path>]"                       "RFC 3659"                             After  Queue  Yes;
    Mail    "MAIL"   []         "<user>"                         "RFC 354"                              Before Queue  No;
    Mlfl    "MLFL"   []         "<user>"                         "RFC 354"                              After  Queue  No;
    // files
    Rnfr    "RNFR"   []         "<path>"                         "RFC 354, 959"                         After  Queue  Yes;
    Rnto    "RNTO"   []         "<path>"                         "RFC 354, 959"                         After  Queue  Yes;
    Dele    "DELE"   []         "<path>"                         "RFC 354, 959"                         After  Queue  Yes;
    Mkd     "MKD"    ["XMKD"]   "<path>"                         "RFC 959; XMKD RFC 1123"               After  Queue  Yes;
    Rmd     "RMD"    ["XRMD"]   "<path>"                         "RFC 959; XRMD RFC 1123"               After  Queue  Yes;
    Pwd     "PWD"    ["XPWD"]   ""                               "RFC 959; XPWD RFC 1123"               After  Queue  Yes;
    Size    "SIZE"   []         "<path>"                         "RFC 3659"                             After  Queue  Yes;
    Mdtm    "MDTM"   []         "<path>"                         "RFC 3659"                             After  Queue  Yes;
    Mfmt    "MFMT"   []         "<time> <path>"                  "draft-somers-ftp-mfxx"                After  Queue  Yes;
    Mff     "MFF"    []         "<facts> <path>"                 "draft-somers-ftp-mfxx"                After  Queue  Yes;
    Hash    "HASH"   []         "<path>"                         "draft-ietf-ftpext2-hash"              After  Queue  Yes;
    Rang    "RANG"   []         "<first> <last>"                 "draft-bryan-ftp-range"                After  Queue  Yes;
    Avbl    "AVBL"   []         "[<path>]"                       "practice"                             After  Queue  Yes;
    Xcrc    "XCRC"   []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Md5     "MD5"    []         "<path>"                         "draft-twine-ftpmd5"                   After  Queue  No;
    Xmd5    "XMD5"   []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Xsha    "XSHA"   []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Xsha1   "XSHA1"  []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Xsha256 "XSHA256" []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Xsha512 "XSHA512" []         "<path> [<first> <end>]"         "practice"                             After  Queue  Yes;
    Eret    "ERET"   []         "P <first> <length> <path>"      "GFD.20"                               After  Queue  No;
    Esto    "ESTO"   []         "A <first> <path>"               "GFD.20"                               After  Queue  No;
    Cksm    "CKSM"   []         "<algorithm> <first> <length> <path>" "GFD.47"                          After  Queue  No;
    // information
    Stat    "STAT"   []         "[<path> | #<id>]"               "RFC 354, 959"                         After  Now    Yes;
    Help    "HELP"   []         "[<verb>]"                       "RFC 354, 959"                         Before Queue  Yes;
    Noop    "NOOP"   []         ""                               "RFC 454, 959"                         Before Queue  Yes;
    Syst    "SYST"   []         ""                               "RFC 959"                              Before Queue  Yes;
    Feat    "FEAT"   []         ""                               "RFC 2389"                             Before Queue  Yes;
    Opts    "OPTS"   []         "<verb> [<options>]"             "RFC 2389"                             Before Queue  Yes;
    Site    "SITE"   []         "<command>"                      "RFC 454, 959"                         After  Queue  Yes;
    Abor    "ABOR"   []         "[#<id>]"                        "RFC 354, 959"                         Before Now    Yes;
    Clnt    "CLNT"   []         "<name>"                         "practice"                             Before Queue  Yes;
    Host    "HOST"   []         "<name>"                         "RFC 7151"                             Before Queue  Yes;
    Csid    "CSID"   []         "<facts>"                        "practice"                             Before Queue  Yes;
    Lang    "LANG"   []         "[<language>]"                   "RFC 2640"                             Before Queue  Yes;
    Quot    "QUOT"   []         "<command>"                      "RFC 542"                              After  Queue  No;
    Nquo    "NQUO"   []         ""                               "RFC 542"                              After  Queue  No;
    // security
    Auth    "AUTH"   []         "<mechanism>"                    "RFC 2228, 4217"                       Before Queue  Yes;
    Adat    "ADAT"   []         "<data>"                         "RFC 2228"                             Before Queue  No;
    Pbsz    "PBSZ"   []         "<bytes>"                        "RFC 2228, 4217"                       Before Queue  Yes;
    Prot    "PROT"   []         "C | P"                          "RFC 2228, 4217"                       Before Queue  Yes;
    Ccc     "CCC"    []         ""                               "RFC 2228, 4217"                       Before Queue  Yes;
    Mic     "MIC"    []         "<data>"                         "RFC 2228"                             Before Queue  No;
    Conf    "CONF"   []         "<data>"                         "RFC 2228"                             Before Queue  No;
    Enc     "ENC"    []         "<data>"                         "RFC 2228"                             Before Queue  No;
    Sscn    "SSCN"   []         "[ON | OFF]"                     "practice"                             After  Queue  Yes;
    // extensions of this suite
    Rndz    "RNDZ"   []         "[<64 hex digits>]"              "docs/protocol/extensions.md"          After  Queue  Yes;
    Pinc    "PINC"   []         "SHA-256 <64 hex digits> | OFF"  "docs/protocol/extensions.md"          After  Queue  Yes;
    Dgst    "DGST"   []         "<algorithm> | OFF"              "docs/protocol/extensions.md"          After  Queue  Yes;
    Prob    "PROB"   []         "R | S"                          "docs/protocol/extensions.md"          After  Queue  Yes;
    Rate    "RATE"   []         "<bytes per second> [<32 hex>] | OFF""docs/protocol/extensions.md"          After  Queue  Yes;
    Pack    "PACK"   []         "LOOK | SAME | DELETE | SEND | STORE | KEEP | DROP <files>" "docs/protocol/extensions.md" After  Queue  Yes;
    Deta    "DETA"   []         "<seconds>"                      "docs/protocol/extensions.md"          After  Queue  Yes;
}

impl Verb {
    /// Returns the row of this verb.
    pub fn row(self) -> Option<&'static Row> {
        VERBS.iter().find(|row| row.verb == self)
    }

    /// Returns the verb with this name or alias, in any case.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_verb_has_exactly_one_row_and_every_name_one_verb() {
        let mut names = HashSet::new();
        for row in VERBS {
            assert_eq!(VERBS.iter().filter(|other| other.verb == row.verb).count(), 1, "{}", row.name);
            assert_eq!(row.verb.row().map(|found| found.name), Some(row.name));
            for name in [row.name].iter().chain(row.aliases) {
                assert!(names.insert(*name), "{name} stands twice");
                assert!(name.bytes().all(|o| o.is_ascii_uppercase() || o.is_ascii_digit()), "{name}");
                assert_eq!(Verb::named(name.as_bytes()), Some(row.verb));
            }
        }
    }

    #[test]
    fn a01_a_verb_is_known_in_any_case() {
        assert_eq!(Verb::named(b"rEtR"), Some(Verb::Retr));
        assert_eq!(Verb::named(b"bye"), Some(Verb::Quit));
        assert_eq!(Verb::named(b"RET"), None);
        assert_eq!(Verb::named(b""), None);
    }

    #[test]
    fn d15_rtrv_is_retr() {
        assert_eq!(Verb::named(b"RTRV"), Some(Verb::Retr));
    }
}
