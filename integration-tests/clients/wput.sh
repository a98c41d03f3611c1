# wput: uploads, each in a session of its own.
set -eu
options="--tries=1"
[ "$FTP_MODE" = passive ] || options="$options --port-mode"
[ "$FTP_TLS" = clear ] && options="$options --disable-tls" || options="$options --force-tls"
# It takes what GnuTLS offers.
printf '[overrides]\ndisabled-version = tls%s\n' "$([ "$FTP_TLS_VERSION" = 1.2 ] && echo 1.3 || echo 1.2)" >gnutls.conf
export GNUTLS_SYSTEM_PRIORITY_FILE="$PWD/gnutls.conf"
url=ftp://$FTP_LOGIN:$FTP_PASSWORD@$FTP_HOST:$FTP_PORT
for step in "$@"; do
    echo "$step"
    case $step in
        upload) "$FTP_PROGRAM" $options content "$url/up.bin" ;;
        resume-upload) "$FTP_PROGRAM" $options content "$url/half.bin" ;;
        *) exit 1 ;;
    esac
done
