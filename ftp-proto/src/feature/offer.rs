//! What this crate's server offers.

use super::{RANG, RANG_STOR};
use crate::command::NewFact;
use crate::digest::Algorithm;
use crate::listing::{FACTS, SELDOM};

/// The algorithms that this crate's server computes.
pub const COMPUTED: &[Algorithm] = {
    use Algorithm::{Blake3, Crc32, Crc32c, Md5, Sha1, Sha256, Sha512};
    &[Sha256, Blake3, Crc32c, Sha512, Sha1, Md5, Crc32]
};

/// What a listener of this crate's server offers, and others may not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// There is a certificate, so that there is TLS.
    pub tls: bool,
    /// Files may be copied within the server.
    pub copies: bool,
    /// Who asks has logged in. Only then MODE Z is told: lftp asks before that, and would end each small compressed file up to
    /// 5 s late.
    pub logged_in: bool,
}

/// Returns the feature lines of this crate's server without their leading blank. FEAT and, on the
/// listener of 1973, HELP report them. `selected` is the algorithm of HASH.
pub fn offered(selected: Algorithm, Offer { tls, copies, logged_in }: Offer) -> Vec<String> {
    let algorithms = |starred: Algorithm| {
        let star = |algorithm: Algorithm| if algorithm == starred { "*" } else { "" };
        let names = COMPUTED.iter().map(|algorithm| format!("{}{}", algorithm.name(), star(*algorithm)));
        names.collect::<Vec<_>>().join(";")
    };
    let facts: String = FACTS.iter().map(|fact| format!("{fact}*;")).collect();
    let facts = facts + &SELDOM.iter().map(|fact| format!("{fact};")).collect::<String>();
    let always = [
        "ACTV",
        "AVBL",
        "CEPR",
        "CLNT",
        "CSID",
        "DETA",
        "EPRT",
        "EPSV",
        "GSOC",
        "HOST",
        "LANG EN*",
        "LSTN R;S",
        "MDTM",
        "MFMT",
        "PROB",
        "RATE",
        "RATE GROUP",
        "RNDZ",
        "RSYM",
        "SIZE",
        "SOCK",
        "TVFS",
        "UTF8",
    ];
    let with_words = ["PACK DELETE", RANG_STOR, RANG, "REST STREAM", "STOR PARTIAL KEEP;DISCARD", SITE];
    let with_names = [
        format!("DGST {}", algorithms(Algorithm::Sha256)),
        format!("HASH {}", algorithms(selected)),
        format!("MFF {}", NewFact::NAMES),
        format!("MLST {facts}"),
    ];
    let digests = ["XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512"];
    let digests = digests.map(|name| format!("{name} filename;start;end"));
    let with_tls = ["AUTH TLS", "CPSV", "PBSZ", "PINC SHA-256", "PROT", "SSCN"].into_iter().filter(|_| tls);
    let sometimes = logged_in.then_some("MODE Z").into_iter().chain(copies.then_some(SITE_COPY));
    let lines = always.into_iter().chain(with_words).chain(with_tls).chain(sometimes);
    let mut lines: Vec<String> = lines.map(str::to_owned).chain(with_names).chain(digests).collect();
    lines.sort_unstable();
    lines
}

/// The line that tells of the other SITE commands.
const SITE: &str = "SITE CHMOD;SYMLINK;SYNC;UTIME";
/// The line that tells of SITE CPFR and SITE CPTO, as mod_copy of ProFTPD has it.
pub(super) const SITE_COPY: &str = "SITE COPY";
