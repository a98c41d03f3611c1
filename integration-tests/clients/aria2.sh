# aria2: downloads, in clear.
set -eu
passive=true
[ "$FTP_MODE" = passive ] || passive=false
get() {
    "$FTP_PROGRAM" --no-conf --quiet --max-tries=1 --file-allocation=none --ftp-pasv="$passive" \
        --ftp-user="$FTP_LOGIN" --ftp-passwd="$FTP_PASSWORD" "$@" "ftp://$FTP_HOST:$FTP_PORT/d/a.bin"
}
for step in "$@"; do
    echo "$step"
    case $step in
        download) get --out=whole ;;
        resume-download) get --continue=true --out=part ;;
        *) exit 1 ;;
    esac
done
