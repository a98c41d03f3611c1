# What Debian's packages of the three programs say of themselves. Read by .ci/deb.

maintainer="FTP suite maintainers <maintainers@ftp-suite.invalid>"

# describe PROGRAM: a line, and below it the long description.
describe() {
    case $1 in
        ftp-user) cat <<'TEXT' ;;
copies files straight from one FTP server to another
 The bytes go from server to server, at the speed of the line between the two.
 Each copy is compared with its source before it gets its name. Where two
 servers refuse each other, a relay or this host stands between them.
 A queue can carry copies as a service, ftp-user-daemon, which nobody starts
 but you.
TEXT
        ftp-server) cat <<'TEXT' ;;
FTP server whose transfers go safely from server to server
 Users with rights, quotas and rates, TLS, bans, and data connections with
 other servers only after both ends have proven that they take part.
 The service starts when /etc/ftp-server/users has a user.
TEXT
        ftp-relay-agent) cat <<'TEXT' ;;
relay for FTP servers that cannot reach each other
 Joins the data connections of two servers, as a relay that can be reached, as
 an agent that can only connect out, or as a hub where such agents meet.
 The service starts when /etc/ftp-relay-agent/relay.token has a token.
TEXT
    esac
}
