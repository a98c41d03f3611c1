# wput: uploads, each in a session of its own.
set -eu
options="--dont-continue-on-error --tries=1"
[ "$FTP_MODE" = passive ] || options="$options --port-mode"
[ "$FTP_TLS" = clear ] || options="$options --force-tls"
url=ftp://$FTP_LOGIN:$FTP_PASSWORD@$FTP_HOST:$FTP_PORT
for step in "$@"; do
    echo "$step"
    case $step in
        upload) "$FTP_PROGRAM" $options content "$url/up.bin" ;;
        resume-upload) "$FTP_PROGRAM" $options content "$url/half.bin" ;;
        *) exit 1 ;;
    esac
done
