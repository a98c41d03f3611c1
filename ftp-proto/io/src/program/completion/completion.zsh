#compdef PROGRAM
# Completions of PROGRAM for zsh: a file _PROGRAM in a directory of $fpath, or source <(PROGRAM completions zsh)
_PROGRAM() {
    local kind line text
    local -a said closed closed_shown open open_shown
    said=("${(@f)$(printf '%s\0' "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" |
        "${words[1]/#\~/$HOME}" completions zsh --words 2>/dev/null)}")
    kind=${said[1]}
    shift said
    for line in "${said[@]}"; do
        text=${line%%$'\t'*}
        # No blank follows a word that goes on.
        if [[ $text == *[]:=/] ]]; then
            open+=("$text")
            open_shown+=("$text  ${line#*$'\t'}")
        else
            closed+=("$text")
            closed_shown+=("$text  ${line#*$'\t'}")
        fi
    done
    local found=1
    (($#closed)) && compadd -l -d closed_shown -a closed && found=0
    (($#open)) && compadd -l -S '' -d open_shown -a open && found=0
    case $kind in
        files) _files && found=0 ;;
        directories) _files -/ && found=0 ;;
    esac
    return found
}
if [[ ${funcstack[1]} == _PROGRAM ]]; then
    _PROGRAM "$@"
elif (($+functions[compdef])); then
    compdef _PROGRAM PROGRAM
else
    autoload -Uz compinit && compinit && compdef _PROGRAM PROGRAM
fi
