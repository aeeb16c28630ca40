# bash completion for eco-caisse(8)
_eco_caisse() {
    local word=${COMP_WORDS[COMP_CWORD]}
    case $COMP_CWORD-${COMP_WORDS[1]-} in
    1-*) mapfile -t COMPREPLY < <(compgen -W '--help selftest support pair journal role key receipt' -- "$word") ;;
    *-selftest) mapfile -t COMPREPLY < <(compgen -W '--card --json' -- "$word") ;;
    *-pair) mapfile -t COMPREPLY < <(compgen -W '--ledger --code' -- "$word") ;;
    2-journal)
        mapfile -t COMPREPLY < <(compgen -W 'verify unsent list export years archive purge recover claim' \
            -- "$word")
        ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}
complete -F _eco_caisse eco-caisse
