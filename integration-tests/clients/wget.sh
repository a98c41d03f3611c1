# wget: downloads, in clear.
set -eu
options="-nv --tries=1 --timeout=30 --user=$FTP_LOGIN --password=$FTP_PASSWORD"
[ "$FTP_MODE" = passive ] || options="$options --no-passive-ftp"
url=ftp://$FTP_HOST:$FTP_PORT
for step in "$@"; do
    echo "$step"
    case $step in
        list) "$FTP_PROGRAM" $options --no-remove-listing -O listing.html "$url/d/"; cat listing.html .listing >listing 2>/dev/null || true ;;
        download) "$FTP_PROGRAM" $options -O whole "$url/d/a.bin" ;;
        resume-download) cp part a.bin; "$FTP_PROGRAM" $options -c "$url/d/a.bin"; mv a.bin part ;;
        *) exit 1 ;;
    esac
done
