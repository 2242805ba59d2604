# Debian's packages without installing them: resolved as on an empty machine, kept in the cache, unpacked. Sourced.
# shellcheck shell=bash disable=SC2154
debian=$CACHE/debian

# The machine's own apt sources and lists; of several sources, Debian's. Packages count as installed nowhere.
debian_apt() {
    mkdir -p "$debian/archives/partial"
    : >"$debian/status"
    printf 'Package: *\nPin: release o=Debian\nPin-Priority: 1001\n' >"$debian/preferences"
    apt-get -qq -o Dir::State::status="$debian/status" -o Dir::Cache::archives="$debian/archives" \
        -o Dir::Etc::preferences="$debian/preferences" -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Sandbox::User=root -o APT::Install-Recommends=false "$@" </dev/null
}
debian_lists() { # lists older than a day name packages that the archive no longer has
    [ -n "$(find "$debian/lists-read" -mtime -1 2>/dev/null)" ] && return 0
    mkdir -p "$debian"
    apt-get update -qq </dev/null
    touch "$debian/lists-read"
}
debian_download() { # PACKAGE[=VERSION]...: into the archive of the cache
    debian_lists
    (cd "$debian/archives" && debian_apt download "$@")
}
# debian_unpack FOLDER PACKAGE...: exactly these packages, nothing they depend on
debian_unpack() {
    local folder=$1 package file
    shift
    mkdir -p "$folder"
    debian_apt --version >/dev/null
    debian_download "$@"
    for package in "$@"; do
        file=$(find "$debian/archives" -name "${package}_*.deb" -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
        dpkg-deb -x "$file" "$folder"
    done
}
# What a package's scripts need at installation, and PostgreSQL's compiler: of no use in an image.
debian_unused='^(perl|libperl|libnumber-|libtext-glob|libfile-find|libjson-perl|usrmerge|init-system|adduser|passwd|'
debian_unused+='debconf|libpam-modules|libsemanage|libsepol|dpkg|tar$|ucf|sensible|ssl-cert|openssl$|locales|libc-l10n|'
debian_unused+='libllvm|libz3|postgresql-common|postgresql-client-common|lsb-base|sysvinit|netbase|iproute2|libbpf|libxtables|libcap2-bin)'
# debian_closure PACKAGE...: prints the files of these packages and of what they need to run; downloads what is not there
debian_closure() {
    local wanted name version architecture file names=() files=()
    debian_lists
    # Inst NAME (VERSION SOURCE [ARCHITECTURE])
    wanted=$(debian_apt -s install "$@" | awk '$1 == "Inst" { gsub(/[()\[\]]/, ""); print $2, $3, $NF }')
    while read -r name version architecture; do
        ! [[ $name =~ $debian_unused ]] || continue
        file=$debian/archives/${name}_${version//:/%3a}_$architecture.deb
        files+=("$file")
        [ -e "$file" ] || names+=("$name=$version")
    done <<<"$wanted"
    [ ${#names[@]} = 0 ] || debian_download "${names[@]}" >&2
    printf '%s\n' "${files[@]}"
}
