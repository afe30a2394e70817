# A user's computer: a screen of its own on which xfreerdp opens a file, FOLDER/FILE, with
# the password SECRET. What the screen shows is in FOLDER/SCREEN again and again.
set -eu
mount --make-rprivate /
mount --bind "$FOLDER" /mnt
mount -t tmpfs tmpfs /tmp
mkdir -m 1777 /tmp/.X11-unix
export HOME=/tmp DISPLAY=:7
Xvfb "$DISPLAY" -screen 0 800x600x24 -nolisten tcp &
while [ ! -e /tmp/.X11-unix/X7 ]; do sleep 0.1; done
xfreerdp "/mnt/$FILE" "/p:$SECRET" /cert:ignore /size:640x480 /log-level:WARN &
while sleep 0.3; do
	xwd -silent -root -out /tmp/screen && mv /tmp/screen "/mnt/$SCREEN"
done
