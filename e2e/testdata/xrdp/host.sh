# A host with xrdp and one user, alice, and its desktop agent, in namespaces of its own:
# nothing of it is left, or seen, outside. FOLDER is the test's; XRDP where xrdp listens;
# SESMAN the port of xrdp-sesman; SECRET alice's password; COLOUR what her desktop shows;
# UNDERSTUDY the binary, which has host.yaml.
set -eu
mount --make-rprivate /
mount --bind "$FOLDER" /mnt
cp "$UNDERSTUDY" /mnt/understudy
mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp
mkdir -m 1777 /tmp/.X11-unix
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mount -t tmpfs tmpfs /home
mkdir -p /run/xrdp/sockdir /tmp/etc
chmod 3777 /run/xrdp/sockdir
cp -a /etc/xrdp /tmp/etc/
cp /etc/passwd /etc/group /etc/shadow /tmp/etc/
echo "alice:x:7411:7411::/home/alice:/bin/sh" >>/tmp/etc/passwd
echo "alice:x:7411:" >>/tmp/etc/group
echo "alice:$(openssl passwd -6 "$SECRET"):19000:0:99999:7:::" >>/tmp/etc/shadow
for file in passwd group shadow xrdp; do mount --bind "/tmp/etc/$file" "/etc/$file"; done
mkdir /home/alice
chown 7411:7411 /home/alice
sed -i "s#^port=3389#port=tcp://$XRDP#" /etc/xrdp/xrdp.ini
sed -i "s#^ListenPort=.*#ListenPort=$SESMAN#" /etc/xrdp/sesman.ini
# Her desktop is a colour, until somebody puts a file into the folder that all can read.
mkdir -p -m 755 /tmp/signs
mount --bind /mnt/signs /tmp/signs
cat >/etc/xrdp/startwm.sh <<SESSION
#!/bin/sh
xsetroot -solid '$COLOUR'
while [ ! -e /tmp/signs/logoff ]; do sleep 0.2; done
SESSION
chmod 755 /etc/xrdp/startwm.sh
xrdp-sesman --nodaemon &
xrdp --nodaemon &
cd /mnt
/mnt/understudy desktop --config host.yaml
