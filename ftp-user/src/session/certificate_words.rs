//! The words about a certificate that is not accepted.

use crate::failure::{About, Failure, Kind};
use crate::place::Site;
use ftp_io::tls::{Doubt, Fingerprint};
use ftp_proto::client::Security;

/// The failure if a certificate is not trusted. `was_verified` is whether an authority has vouched for the server before.
pub(super) fn untrusted(
    site: &Site,
    who: &str,
    fingerprint: Fingerprint,
    why: &Doubt,
    was_verified: bool,
) -> Failure {
    let what = format!("the certificate of {who} is not trusted: {why}");
    let failure = Failure::new(Kind::Untrusted, what).said(format!("it is {fingerprint}"));
    if was_verified {
        return failure.about(About::Unknown(fingerprint)).hint(format!(
            "an authority vouched for this server before: if you named it with --ca then, name it again. Otherwise somebody \
             may be between; ask its operator. If this is right, --pin {fingerprint} accepts it, and {} forgets the server",
            forget(site)
        ));
    }
    let hint = match why {
        Doubt::Expired(_) => format!(
            "check the clock of this host, and ask its operator to renew it; --pin {fingerprint} accepts it as it is"
        ),
        Doubt::NotYet(_) => format!("check the clock of this host; --pin {fingerprint} accepts it as it is"),
        Doubt::OtherHost(_) => {
            format!("use the name that it is for; --pin {fingerprint} accepts it for this server")
        }
        Doubt::Authority => format!(
            "ask its operator for one that is no authority (basicConstraints CA:FALSE); --pin {fingerprint} accepts it as it is"
        ),
        Doubt::NotPinned => {
            return failure.hint(format!(
                "ask its operator whether it has changed; --pin {fingerprint} beside the others accepts it"
            ));
        }
        Doubt::UnknownIssuer | Doubt::Other(_) | _ => format!(
            "ask its operator whether that is right; --pin {fingerprint} accepts it, --trust new keeps it for later runs"
        ),
    };
    failure.about(About::Unknown(fingerprint)).hint(hint)
}

/// The failure if a server shows another certificate than the one that was kept. `why` is what the roots say against
/// the new one.
pub(super) fn changed(
    site: &Site,
    who: &str,
    kept: Fingerprint,
    now: Fingerprint,
    why: Option<&str>,
) -> Failure {
    let vouched = match why {
        None => ", for which an authority vouches that this host trusts",
        Some(_) => "",
    };
    Failure::new(Kind::Untrusted, format!("the certificate of {who} has changed"))
        .said(format!("it was {kept}, it is {now} now{vouched}"))
        .hint(format!(
            "somebody may be between; ask its operator. If this is right, {} forgets the old one",
            forget(site)
        ))
}

/// The command that forgets a site.
pub(super) fn forget(site: &Site) -> String {
    let scheme = match site.security {
        Security::Clear | Security::Offered => "ftp",
        Security::Explicit => "ftpes",
        Security::Implicit => "ftps",
    };
    format!("ftp-user sites forget {scheme}://{}/", site.authority())
}
