# Completions of PROGRAM for bash: source <(PROGRAM completions bash)
FUNCTION() {
    local rest=$COMP_LINE cur=$2 last=0 i piece kind text help
    local -a words=() means=()
    # Bash takes words apart at ":" and "=". This puts them together again, as they stand in the line.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if ((i == 0)) || [[ $rest == [[:space:]]* ]]; then
            rest=${rest#"${rest%%[![:space:]]*}"}
            last=${#words[@]}
            words[last]=
        fi
        rest=${rest#"$piece"}
        # Of the word at the cursor, what stands before the cursor counts.
        if ((i == COMP_CWORD)) && [[ -n $cur || $piece != [:=@]* ]]; then
            piece=$cur
            # Bash leaves "@" in the word that it completes, though it takes it for a word of its own.
            [[ $cur != @* ]] || words[last]=${words[last]%@}
        fi
        words[last]+=$piece
    done
    local typed=${words[last]}
    # What bash takes for other words than the one that is completed.
    local before=${typed%"$cur"}
    # In brackets bash sees a pattern, so they are quoted in the line. The program reads words without quotes.
    before=${before//\\/}
    words=("${words[@]//\\/}")

    COMPREPLY=()
    while IFS=$'\t' read -r text help; do
        if [[ -z $kind ]]; then
            kind=$text
        else
            text=${text#"$before"}
            text=${text//'['/'\['}
            COMPREPLY+=("${text//']'/'\]'}")
            means+=("$help")
        fi
    done < <(printf '%s\0' "${words[@]:1}" | "${1/#\~/$HOME}" completions bash --words 2>/dev/null)

    case $kind in
        files | directories)
            # Where there is nothing else, bash itself adds files, with their quotes and slashes.
            if ((${#COMPREPLY[@]} > 0)); then
                while read -r text; do
                    [[ -d $text ]] && text+=/ || [[ $kind == files ]] || continue
                    COMPREPLY+=("$(printf %q "$text")")
                done < <(compgen -f -- "$cur")
            elif [[ $kind == directories ]]; then
                compopt -o dirnames +o default +o bashdefault 2>/dev/null
            fi
            ;;
        ids)
            compopt +o default +o bashdefault 2>/dev/null
            # Of several, what each is stands behind it. It is never inserted: what all begin with ends before it.
            if ((${#COMPREPLY[@]} > 1)) && [[ $COMP_TYPE != 37 && $COMP_TYPE != 42 ]]; then
                for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
                    COMPREPLY[i]+="  (${means[i]})"
                done
            fi
            ;;
        *) compopt +o default +o bashdefault 2>/dev/null ;;
    esac
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[]:=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o bashdefault -o default -F FUNCTION PROGRAM
