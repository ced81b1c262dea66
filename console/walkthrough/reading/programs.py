"""Names of programs that runbooks call: how a line that nobody has labelled is told to be a command."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


# Names that are no English words, or that nobody begins a sentence with.
PROGRAMS = words("""
    kubectl k oc helm helmfile kustomize k9s kubeadm kubelet kubectx kubens kind minikube k3s k3d crictl ctr nerdctl
    istioctl linkerd cilium calicoctl flux argocd argo kubeseal velero kops eksctl stern kail tkn skaffold tilt odo
    docker docker-compose podman buildah skopeo crane dive
    aws gcloud gsutil bq az azcopy doctl linode-cli heroku fly flyctl cf ibmcloud oci hcloud openstack nova cinder
    terraform tf terragrunt tofu pulumi packer vagrant ansible ansible-playbook ansible-vault ansible-galaxy chef-client
    knife salt salt-call puppet vault consul nomad boundary tsh tctl teleport sops age gpg gpg2 ssh-keygen ssh-add
    ssh-agent ssh-copy-id ssh-keyscan ssh scp sftp rsync mosh
    git gh glab hub svn hg
    systemctl journalctl systemd-analyze systemd-run systemd-resolve resolvectl timedatectl hostnamectl loginctl
    localectl networkctl coredumpctl busctl udevadm sysctl modprobe lsmod rmmod insmod dmesg lsof lsblk lscpu lspci
    lsusb blkid fdisk sfdisk gdisk sgdisk parted partprobe growpart mkfs mkfs.ext4 mkfs.xfs fsck e2fsck resize2fs
    xfs_growfs xfs_repair tune2fs
    mkswap swapon swapoff umount findmnt fallocate dd pvs pvcreate pvresize pvmove vgs vgcreate vgextend vgdisplay lvs
    lvcreate lvextend lvresize lvdisplay pvdisplay mdadm smartctl hdparm nvme iostat vmstat mpstat sar pidstat iotop
    htop atop nmon dstat glances perf strace ltrace gdb tcpdump tshark ngrep nmap nc ncat netcat socat telnet netstat
    ss iptables ip6tables iptables-save iptables-restore nft ufw firewall-cmd ipset ipvsadm ethtool ifconfig iwconfig
    arp arping ping ping6 traceroute tracepath mtr dig nslookup whois iperf iperf3 brctl nmcli nmtui tc conntrack
    curl wget httpie xh grpcurl grpc_cli websocat hey wrk ab vegeta k6
    apt apt-get apt-cache apt-mark apt-key add-apt-repository dpkg dpkg-reconfigure yum dnf rpm zypper pacman apk brew
    snap flatpak port choco winget
    pip pip3 pipenv pipx poetry uv conda python python2 python3 ipython node npm npx yarn pnpm bun deno nvm rbenv rvm
    ruby gem bundle rake rails perl cpan php composer artisan java javac jcmd jstack jmap jps jstat mvn gradle gradlew
    go cargo rustc rustup dotnet mix elixir iex erl rebar3 lua swift
    gcc clang cmake ninja bazel
    psql pg_dump pg_dumpall pg_restore pg_ctl pg_ctlcluster pg_basebackup pg_rewind pg_upgrade pg_isready pg_controldata
    pg_lsclusters createdb dropdb createuser dropuser vacuumdb reindexdb initdb pgbench pgbackrest patronictl patroni
    repmgr wal-g wal-e barman gitlab-patronictl gitlab-psql gitlab-rails gitlab-ctl gitlab-rake gitlab-runner
    gitlab-redis-cli gitlab-backup gitlab-consul gitaly praefect
    mysql mysqldump mysqladmin mysqlcheck mariadb mysqlbinlog xtrabackup mongo mongosh mongodump mongorestore mongod
    redis-cli redis-server redis-benchmark valkey-cli keydb-cli memcached memcached-tool sqlite3 cqlsh nodetool
    clickhouse-client clickhouse influx influxd cockroach etcdctl etcdutl etcd zkcli zkCli.sh tiup tidb-ctl pd-ctl
    kafka-topics kafka-topics.sh kafka-console-consumer kafka-consumer-groups kafka-consumer-groups.sh kafkacat kcat
    rabbitmqctl rabbitmq-diagnostics rabbitmq-plugins rabbitmqadmin nats nsqadmin pulsar-admin
    elasticsearch-reset-password elasticsearch-plugin curator opensearch-plugin logstash filebeat
    promtool amtool prometheus alertmanager logcli mimirtool thanos cortextool jsonnet jb tootctl
    ceph rados rbd radosgw-admin ceph-volume cephadm gluster zfs zpool btrfs mc minio rclone restic borg duplicity s3cmd
    openssl certbot cfssl keytool certutil step easyrsa acme.sh lego
    nginx apachectl apache2ctl a2ensite a2enmod httpd haproxy varnishadm varnishctl squid caddy traefik envoy
    supervisorctl pm2 monit initctl chkconfig update-rc.d rc-service rc-update invoke-rc.d crontab launchctl
    sudo su doas chroot nohup setsid nice ionice renice timeout xargs tee env printenv export unset source alias
    cd ls ll pwd pushd popd mkdir rmdir rm cp mv ln chmod chown chgrp chattr setfacl getfacl touch stat du df
    cat tac head tail less grep egrep fgrep rg ag sed awk gawk cut tr wc uniq sort diff cmp comm paste nl od xxd
    hexdump strings base64 md5sum sha1sum sha256sum sha512sum tar gzip gunzip zcat zgrep bzip2 xz unzip zip zstd 7z cpio
    echo printf jq yq xmllint envsubst column realpath readlink dirname basename mktemp
    ps pgrep pkill killall pidof pstree uptime whoami uname hostname lsb_release getent useradd usermod userdel groupadd
    passwd chpasswd chage visudo adduser deluser addgroup vipw
    vi vim nvim nano emacs tmux screen bash sh zsh exec eval trap ulimit umask
    make gmake shutdown reboot poweroff halt init telinit grub-install update-grub grub2-mkconfig dracut
    update-initramfs depmod kexec virsh virt-install qemu-img qemu-system-x86_64 VBoxManage lxc lxd incus proxmox qm
    pct pvesh pveversion multipath multipathd iscsiadm showmount exportfs nfsstat mount.nfs smbclient ipmitool racadm
    getenforce setenforce restorecon semanage setsebool auditctl ausearch aureport chronyc ntpq ntpdate
    hakgal-console weaver must-gather omc butane coreos-installer rpm-ostree ostree runme task just direnv asdf mise
    slapcat ldapsearch ldapmodify kinit klist saslpasswd2 postqueue postsuper postconf mailq sendmail swaks
    drush wp occ discourse sentry airflow celery superset dbt flask django-admin manage.py uvicorn gunicorn
    hadoop hdfs yarnctl spark-submit beeline trino presto zeppelin solr
    bosh credhub uaac fly6 concourse circleci act jenkins-cli
    crm crm_mon crm_resource pcs aptly sft azd blockdev dmsetup cryptsetup vgreduce vgremove lvremove pvremove wipefs
    hwclock stdbuf fuser nsenter unshare runc vtysh birdc gobgp wg wg-quick openvpn ipsec swanctl tailscale zerotier-cli
    consul-template mongostat mongotop mongoexport mongoimport pbm redis-sentinel pt-query-digest
    pt-online-schema-change gh-ost mydumper myloader mariabackup mysqlsh pgcli pgbouncer pg_repack pgloader pgcopydb
    pg_autoctl stolonctl sqlcmd bcp expdp impdp rman sqlplus dgmgrl lsnrctl srvctl crsctl asmcmd db2 db2pd isql
    clickhouse-local clickhouse-backup vtctlclient vtctldclient ysqlsh ycqlsh yb-admin sstableloader elasticdump
    metricbeat telegraf fluent-bit fluentd otelcol grafana-cli vmctl dockerd containerd buildctl buildkitd kubeconform
    kube-bench opm operator-sdk oc-mirror rosa ocm crc scw civo govc esxcli vim-cmd ncli perccli storcli64 ssacli
    diskutil networksetup softwareupdate dscl sw_vers systemsetup scutil ldapadd ldapdelete slappasswd getsebool
    goss inspec trivy grype syft cosign notation rekor-cli checkov tfsec tflint
    """)
# Programs that are English words as well: these need something behind them that no sentence has.
WORDY = words("""
    at cal clear date dig file find free groups history host id install join kill last locate look mail man more mount
    read run script service set sleep split test time top uniq users w wait watch wall which who write yes open node go
    type make swift patch expand fold factor pr logger local declare typeset let nice true false step port just task act
    less head tail cut sort screen touch cat echo port age fly hub gem salt chef puppet vault consul packer
    bundle rake rails argo flux kind tilt helm dive perf mix hey solr sentry discourse squid stop start restart bash
    su source export alias exec trap halt init monit snap column strings paste tee
    """)
# Of these a word of the other kind behind them is enough.
TOOLS = words("helm vault consul packer argo flux bundle rails rake tilt go node swift kind salt occ linkerd snap")
VERBS = words("""
    repo list ls install upgrade uninstall rollback status history get show template dependency lint pull push operator
    login token kv read write members monitor exec init build validate plan apply run test logs check reconcile create
    delete update version info env start stop restart enable disable add remove clean describe
    """)
# Of these even the bare name is a whole command.
ALONE = words(
    """
    top htop w date free id whoami uptime pwd ls df ps env dmesg mount hostname reboot ifconfig lsblk history sync clear
    exit netstat ss lsof vmstat iostat atop iotop psql redis-cli mysql mongosh make sar nmtui mongo
    """
)
BUILTINS = words("exit sync shift return wait fg bg jobs disown logout")
# The second or third word of a sentence, never of a command.
PROSE = words("""
    the a an is are was were will should must can may might could would if when which this that these those your our
    their its it we you they and but not be been has have had does did do into onto because while sure out there
    returns prints shows needs requires runs uses failed fails
    """)
