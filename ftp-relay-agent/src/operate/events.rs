//! The events of the audit in words, for the reference.

/// The events by name, and what has happened. For the reference.
pub const EVENTS: [(&str, &str); 26] = [
    ("relay-started", "The relay listens, or tries to join its hub."),
    (
        "relay-stopped",
        "The relay ends; `untold` says how much of what tokens did had no line and was not counted before.",
    ),
    ("hub-started", "The hub listens."),
    (
        "hub-stopped",
        "The hub ends; `untold` says how much of what tokens did had no line and was not counted before.",
    ),
    ("hub-joined", "This agent has joined its hub."),
    ("hub-lost", "The session of this agent with its hub is over. It returns by itself."),
    ("policy-read", "The tokens and the policy were read again after SIGHUP."),
    (
        "policy-refused",
        "They were not read again; `reason` has the mistake and its place, and the old ones stay in force.",
    ),
    (
        "link-denied",
        "A link has not proven that it knows a token or a ticket; `token` is never there. Of one address eight have a line in a minute. Of more than 256 addresses the further ones share 60 lines with their network (/16; IPv6: /32), and beyond 32 networks all others share 60. `reason` of the next line says how many were left out.",
    ),
    (
        "session-opened",
        "The holder of `token` has a session. Of one token 120 sessions have lines in a minute; `untold` of the next one says how many before it had none. A session without lines gets this one late, with its first tunnel, join or call that has a line, or as an agent, and has its others from then on.",
    ),
    (
        "session-refused",
        "The token is right, and there is no session: the policy does not name it, or a limit is reached. Of one token 60 refusals of all kinds have a line in a minute; `reason` of the next line says how many were left out.",
    ),
    (
        "session-revoked",
        "The operator has taken the token away, or the policy does not name it any more. What it carries is reset.",
    ),
    ("rules-changed", "Other rules hold for the session from now on."),
    (
        "session-dismissed",
        "The hub has sent the session away: another agent has its name, its time is over, or the hub stops. Sessions without lines have 60 of these for one token in a minute; `reason` of the next one says how many were left out.",
    ),
    (
        "session-ended",
        "The session is over, with everything that it carried; `seconds` is its time, and `untold` says how many tunnels, joins and calls of the token had no line and were not counted before. A session without `session-opened` has none.",
    ),
    (
        "agent-joined",
        "An agent has joined this hub under the name `agent`. Sessions without lines have 60 of these for one token in a minute, and `untold` of the next one says how many before it had none; such an agent has its line with the first call to it that has one.",
    ),
    (
        "request-refused",
        "A grant, a tunnel, a join or a call was refused; `target` is the address that was judged. Of one token 60 refusals of all kinds have a line in a minute.",
    ),
    (
        "tunnel-opened",
        "A control connection with the server at `target` is carried. Of one token 60 tunnels have lines in a minute, and so has the first to each of 256 hosts; `untold` of the next one, or of `session-ended`, says how many had none.",
    ),
    (
        "tunnel-ended",
        "It has ended; `a_to_b` are bytes of the user agent, `b_to_a` those of the server. One without `tunnel-opened` has this line if it has carried 1 MiB or more.",
    ),
    (
        "join-opened",
        "The data connections with `a` and `b` are joined. Of one token 60 joins have lines in a minute, and so has the first with each of 256 hosts; `untold` of the next one, or of `session-ended`, says how many had none.",
    ),
    (
        "join-ended",
        "They have ended; `a_to_b` and `b_to_a` are the bytes that were passed on. A join without `join-opened` has this line if it has carried 1 MiB or more.",
    ),
    (
        "call-opened",
        "The session calls `agent` at this hub, and both ends are there. Of one token 60 calls have lines in a minute, and so has the first to each of 256 agents; `untold` of the next one, or of `session-ended`, says how many had none. A call of which one end never comes has no line.",
    ),
    (
        "call-ended",
        "It has ended; `a_to_b` are bytes of the caller, `b_to_a` those of the agent. The hub cannot read them. A call without `call-opened` has this line if it has carried 1 MiB or more, and its sessions have theirs if they still stand.",
    ),
    (
        "stranger-reset",
        "A connection from `target` came to a leg that waits for another host. It counts as a refusal of the token.",
    ),
    (
        "timed-out",
        "A wait of the session or of the hub has ended; `reason` is its [timer](timers.md). Of one token 60 of these have a line in a minute, and so have 60 of the hub's own.",
    ),
    (
        "protocol-broken",
        "The other end has sent what the protocol does not have. Sessions without lines have 60 of these for one token in a minute; `reason` of the next one says how many were left out.",
    ),
];
