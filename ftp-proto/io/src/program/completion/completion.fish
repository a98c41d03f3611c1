# Completions of PROGRAM for fish: PROGRAM completions fish | source
function FUNCTION_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    set -e words[1]
    set -l said (printf '%s\0' $words "$typed" | $program completions fish --words 2>/dev/null)
    switch "$said[1]"
        case files
            __fish_complete_path "$typed"
        case directories
            __fish_complete_directories "$typed" ''
    end
    set -e said[1]
    if set -q said[1]
        printf '%s\n' $said
    end
end
complete -c PROGRAM -f -a '(FUNCTION_complete)'
