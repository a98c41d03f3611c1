# zftp, a module of zsh, in clear.
module_path=($ZSH_MODULES)
zmodload zsh/zftp || exit 1
if [[ $FTP_MODE == passive ]]; then ZFTP_PREFS=P; else ZFTP_PREFS=S; fi
ok() { "$@" || { echo "$* has failed: $ZFTP_REPLY" >&2; exit 1 } }
ok zftp open $FTP_HOST:$FTP_PORT $FTP_LOGIN $FTP_PASSWORD
ok zftp binary
for step in $@; do
    echo $step
    case $step in
        list) ok zftp ls d >listing; ok zftp dir d >>listing ;;
        download) ok zftp get d/a.bin >whole ;;
        resume-download) ok zftp getat d/a.bin 70000 >>part ;;
        upload) ok zftp put up.bin <content ;;
        resume-upload) tail -c +70001 content | ok zftp append half.bin ;;
        rename) ok zftp rename old.bin new.bin ;;
        delete) ok zftp delete gone.bin ;;
        *) exit 1 ;;
    esac
done
zftp close
