# Throwaway roots: other releases of Debian, each in a folder, for bash scripts to
# source.  Only root can make and enter one, and debootstrap must be installed.
# Remove the folder and nothing is left: what is mounted in a root ends with the
# command that runs in it, and so do that command's children and their shared memory.

# debian_with <major>: the release that has this major version of PostgreSQL; fails
# where none does
debian_with() {
    case $1 in
        15) echo bookworm ;;
        17) echo trixie ;;
        18) echo forky ;;
        *) return 1 ;;
    esac
}

# make_root <release> <folder> [option of debootstrap...]
make_root() {
    local release=$1 root=$2 scripts=/usr/share/debootstrap/scripts script=()
    shift 2
    # A release that this debootstrap has not heard of is made as the others are.
    [ -e "$scripts/$release" ] || script=('' "$scripts/sid")
    unshare --mount-proc --pid --fork --kill-child -- \
        debootstrap --variant=minbase "$@" "$release" "$root" "${script[@]}" &&
        # The mirror of a release that is not out yet may be some days late.
        printf '%s\n' 'Acquire::Check-Valid-Until "false";' 'Acquire::Retries "3";' \
            >"$root/etc/apt/apt.conf.d/90throwaway" &&
        add_security_updates "$root"
}

# add_security_updates <folder>: what anybody's machine gets, where the mirror has them
add_security_updates() {
    local list=$1/etc/apt/sources.list updates=$1/etc/apt/sources.list.d/security.list
    sed -n 's|^deb \(.*/debian\)/* \([a-z]*\) main$|deb \1-security \2-security main|p' "$list" >"$updates"
    in_root "$1" apt-get update || rm "$updates"
}

# in_root <folder> <command...>: run it there as root, with a clean environment
in_root() {
    local root=$1
    shift
    unshare --mount --ipc --pid --fork --kill-child -- sh -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" &&
        mount -t tmpfs tmpfs "$0/dev/shm" && exec chroot "$0" "$@"' \
        "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# install_in_root <folder> <package...>: a server's package makes no cluster there
install_in_root() {
    local root=$1
    shift
    mkdir -p "$root/etc/postgresql-common/createcluster.d" &&
        echo 'create_main_cluster = false' >"$root/etc/postgresql-common/createcluster.d/regpaydb.conf" &&
        in_root "$root" apt-get update &&
        in_root "$root" apt-get install -y --no-install-recommends "$@"
}

# add_older <folder> <release...>: packages of these releases, too, where the root's own
# has none of that name; of the first one before those of the second
add_older() {
    local root=$1 release priority=90 mirror
    shift
    read -r _ mirror _ <"$root/etc/apt/sources.list"
    for release in "$@"; do
        echo "deb $mirror $release main" >"$root/etc/apt/sources.list.d/$release.list" &&
            printf '%s\n' "Package: *" "Pin: release n=$release" "Pin-Priority: $priority" \
                >"$root/etc/apt/preferences.d/$release" || return
        priority=$((priority - 10))
    done
}
