//! Which failures must tell nothing about the target (extensions, "No port scanner").

use super::rules::{Foreign, Rules};
use super::verdict::Grant;
use crate::address::embedded;
use std::net::IpAddr;

/// Returns whether every failure to reach `target` must look the same. That is so if the target is
/// foreign, only a proof makes it a peer, and the operator has not named its network.
pub fn hides_failure(rules: &Rules, grant: Grant, target: IpAddr) -> bool {
    let listed = rules
        .foreign_networks
        .as_ref()
        .is_some_and(|networks| networks.iter().any(|network| network.contains(&embedded(target))));
    grant == Grant::AfterProof && rules.foreign == Foreign::Proven && !listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_foreign_targets_outside_the_named_networks_are_hidden_under_proven() {
        let check = |foreign, networks: Option<&str>, grant, expect| {
            let rules = Rules {
                foreign,
                foreign_networks: networks.map(|net| vec![net.parse().unwrap()]),
                ..Rules::default()
            };
            assert_eq!(hides_failure(&rules, grant, [192, 0, 2, 9].into()), expect);
        };
        check(Foreign::Proven, None, Grant::AfterProof, true);
        check(Foreign::Proven, Some("198.51.100.0/24"), Grant::AfterProof, true);
        check(Foreign::Proven, Some("192.0.2.0/24"), Grant::AfterProof, false);
        check(Foreign::Proven, None, Grant::Own, false);
        check(Foreign::Authenticated, None, Grant::AfterProof, false);
    }
}
