# axel: downloads in four connections at once, in clear.
set -eu
for step in "$@"; do
    echo "$step"
    case $step in
        download) "$FTP_PROGRAM" -q -n 4 -o whole "ftp://$FTP_LOGIN:$FTP_PASSWORD@$FTP_HOST:$FTP_PORT/d/a.bin" ;;
        *) exit 1 ;;
    esac
done
