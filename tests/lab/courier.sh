# Courier-IMAP in a root of its own: its paths (/etc/courier, /run/courier, ...) are compiled in.
#
#   courier.sh HOME UNPACKED PORT_IMAP PORT_IMAPS IDLE      run as the first process of fresh mount
#                                                           and process namespaces
#
# HOME holds mail/, users (a userdb file), server.pem (certificate and key) and two pipes: a line
# into `reload` reads `users` again, a line comes out of `loaded` when that is done.
set -e

if [ "$1" != inside ]; then
  home=$1 unpacked=$2 root=$1/overlay/root
  shift 2
  mkdir -p "$home/overlay"
  mount -t tmpfs none "$home/overlay"
  mkdir "$home/overlay/upper" "$home/overlay/work" "$root"
  # The layers of an overlay must not overlap, hence a copy.
  cp -a "$unpacked" "$home/overlay/lower"
  mount -t overlay overlay \
    -o "lowerdir=$home/overlay/lower:/,upperdir=$home/overlay/upper,workdir=$home/overlay/work" \
    "$root"
  mkdir "$root/srv/lab"
  mount --bind "$home" "$root/srv/lab"
  mount --rbind /proc "$root/proc"
  mount --rbind /dev "$root/dev"
  exec chroot "$root" /bin/sh /srv/lab/courier.sh inside "$@"
fi

port_imap=$2 port_imaps=$3 idle=$4

load_users() {
  install -m 600 /srv/lab/users /etc/courier/userdb/lab
  /usr/sbin/makeuserdb
}

ldconfig
mkdir -p /run/courier/authdaemon /var/lib/courier
install -d -m 700 /etc/courier/userdb
sed -i 's/^authmodulelist=.*/authmodulelist="authuserdb"/' /etc/courier/authdaemonrc
ln -sf /usr/lib/courier/makedat /usr/bin/makedat
ln -sf /usr/lib/courier/courier/makedatprog /usr/lib/courier/makedatprog
# STARTTLS looks for a user of this name, compiled in as well.
echo "courier:x:$(id -u mail):$(id -g mail)::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
install -o courier -m 600 /srv/lab/server.pem /etc/courier/imapd.pem
chown courier /var/lib/courier
load_users
while read -r _ </srv/lab/reload; do
  load_users
  echo >/srv/lab/loaded
done &

/usr/lib/courier/courier-authlib/authdaemond &

set -a
. /etc/courier/imapd
. /etc/courier/imapd-ssl
IMAP_ENHANCEDIDLE=$idle TLS_DHPARAMS= TLS_TRUSTCERTS= TLS_CACHEFILE=
set +a
listen="/usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup -noidentlookup"
login="/usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir"
IMAP_TLS=1 $listen "$port_imaps" "$COURIERTLS" -server -tcpd -user=courier $login &
IMAP_STARTTLS=YES exec $listen "$port_imap" $login
