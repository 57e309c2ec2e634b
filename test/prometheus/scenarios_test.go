package prometheus

import "time"

var scenarios = []scenario{
	{
		name: "all is well, and the operator changes",
		series: `
			leader_election_master_status{name="kohort.dev",pod="kohort-a"} 1x60 stale
			leader_election_master_status{name="kohort.dev",pod="kohort-b"} 0x61 1x180
			kohort_kafka_cluster_up{namespace="shop",cluster="prod",pod="kohort-a"} 1x60 stale
			kohort_kafka_cluster_up{namespace="shop",cluster="prod",pod="kohort-b"} _x62 1x180
			kohort_group_status{ORDERS,status="OK",pod="kohort-a"} 1x60 stale
			kohort_group_status{ORDERS,status="UNKNOWN",pod="kohort-b"} _x62 1x10 0x170
			kohort_group_status{ORDERS,status="OK",pod="kohort-b"} _x62 0x10 1x170
			kohort_group_lag{ORDERS,pod="kohort-a"} 400x60 stale
			kohort_group_lag{ORDERS,pod="kohort-b"} _x62 400x180
			kohort_group_oldest_record_age_seconds{ORDERS,pod="kohort-a"} 3x60 stale
			kohort_group_oldest_record_age_seconds{ORDERS,pod="kohort-b"} _x62 3x180
			kohort_group_reading_age_seconds{ORDERS,pod="kohort-a"} 2x60 stale
			kohort_group_reading_age_seconds{ORDERS,pod="kohort-b"} _x62 2x180
			kohort_group_lost_records{ORDERS,pod="kohort-a"} 0x60 stale
			kohort_group_lost_records{ORDERS,pod="kohort-b"} _x62 0x180
			kohort_group_retention_runway_seconds{ORDERS,pod="kohort-a"} 600000x60 stale
			kohort_group_slots{namespace="shop",name="orders",state="desired",pod="kohort-a"} 3x60 stale
			kohort_group_slots{namespace="shop",name="orders",state="desired",pod="kohort-b"} _x62 3x180
			kohort_group_rollout_stage{namespace="shop",name="orders",stage="Progressing",pod="kohort-b"} _x62 1x100 0x80
			kohort_group_rollout_stage{namespace="shop",name="orders",stage="RolledBack",pod="kohort-b"} _x62 0x180`,
		until: 2 * time.Hour,
	},
	{
		name: "a stalled group, across a change of the operator",
		// ERR from minute 10 on. At minute 30 the operator's pod goes, and the next one calls
		// it UNKNOWN for five minutes, then ERR again, until minute 60.
		series: `
			leader_election_master_status{name="kohort.dev",pod="kohort-a"} 1x60 stale
			leader_election_master_status{name="kohort.dev",pod="kohort-b"} 0x61 1x180
			kohort_group_status{ORDERS,status="ERR",pod="kohort-a"} 0x19 1x40 stale
			kohort_group_status{ORDERS,status="ERR",pod="kohort-b"} _x62 0x10 1x45 0x60
			kohort_group_lag{ORDERS,pod="kohort-a"} 0x19 0+40x40 stale
			kohort_group_lag{ORDERS,pod="kohort-b"} _x62 1640+40x55 0x60
			kohort_group_oldest_record_age_seconds{ORDERS,pod="kohort-a"} 0x19 0+30x40 stale
			kohort_group_oldest_record_age_seconds{ORDERS,pod="kohort-b"} _x62 1260+30x55 0x60
			kohort_group_partition_lag{ORDERS,topic="orders",partition="3",pod="kohort-a"} 0x19 0+30x40 stale
			kohort_group_partition_lag{ORDERS,topic="orders",partition="5",pod="kohort-a"} 0x19 0+10x40 stale
			kohort_group_partition_lag{ORDERS,topic="orders",partition="7",pod="kohort-a"} 0x60 stale
			kohort_group_partition_status{ORDERS,topic="orders",partition="3",status="STALL",pod="kohort-a"} _x20 1x40 stale
			kohort_group_partition_status{ORDERS,topic="orders",partition="5",status="STOP",pod="kohort-a"} _x20 1x40 stale
			kohort_group_partition_status{ORDERS,topic="orders",partition="7",status="WARN",pod="kohort-a"} _x20 1x40 stale`,
		until: 80 * time.Minute,
		fires: []string{"KohortGroupStalled", "KohortOldestRecordTooOld"},
	},
	{
		name: "a stalled group that is only watched",
		series: `
			kohort_group_status{namespace="shop",cluster="prod",group="billing",status="ERR"} 1x60
			kohort_group_lag{namespace="shop",cluster="prod",group="billing"} 12x60`,
		until: 10 * time.Minute,
		fires: []string{"KohortGroupStalled"},
	},
	{
		name: "no slot is wanted, and a stall of four minutes",
		series: `
			kohort_group_status{ORDERS,status="ERR"} 1x120
			kohort_group_oldest_record_age_seconds{ORDERS} 3600+30x120
			kohort_group_reading_age_seconds{ORDERS} 2x120
			kohort_group_slots{namespace="shop",name="orders",state="desired"} 0x120
			kohort_group_status{namespace="shop",cluster="prod",group="billing",name="billing",status="ERR"} 0x20 1x8 0x90
			kohort_group_lag{namespace="shop",cluster="prod",group="billing",name="billing"} 9x120
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="billing",name="billing"} 2x120
			kohort_group_slots{namespace="shop",name="billing",state="desired"} 2x120`,
		until: time.Hour,
	},
	{
		name: "old records, of a group that catches up and of one that does not",
		series: `
			kohort_group_oldest_record_age_seconds{ORDERS} 0+30x50 5x60
			kohort_group_lag{ORDERS} 0+1200x50 0x60
			kohort_group_drain_seconds{ORDERS} _x30 5400x20
			kohort_group_oldest_record_age_seconds{namespace="shop",cluster="prod",group="billing",name="billing"} 600+30x120
			kohort_group_lag{namespace="shop",cluster="prod",group="billing",name="billing"} 7x120`,
		until: 40 * time.Minute,
		fires: []string{"KohortOldestRecordTooOld", "KohortOldestRecordTooOld"},
	},
	{
		name: "a group that falls behind, and one that does so now and then",
		series: `
			kohort_group_status{ORDERS,status="WARN"} 0x9 1x80 0x60
			kohort_group_lag{ORDERS} 0x9 0+2000x140
			kohort_group_oldest_record_age_seconds{ORDERS} 0x9 0+5x140
			kohort_group_retention_runway_seconds{ORDERS} _x20 604800x100
			kohort_group_status{namespace="shop",cluster="prod",group="billing",name="billing",status="WARN"} 1x50 0x2 1x50 0x2 1x40`,
		until: time.Hour,
		fires: []string{"KohortGroupFallsBehind"},
	},
	{
		name: "retention comes near, and deletes",
		// From minute 70 on records are lost, until the group goes on at the log's beginning.
		series: `
			kohort_group_retention_runway_seconds{ORDERS} 7200-60x120 _x9 stale
			kohort_group_lag{ORDERS} 50000x260
			kohort_group_lost_records{ORDERS} 0x139 500+500x4 0x260`,
		until: 150 * time.Minute,
		fires: []string{"KohortRetentionRunwayShort", "KohortRecordsLost"},
	},
	{
		name: "groups that are not read, though their cluster answers",
		series: `
			kohort_kafka_cluster_up{namespace="shop",cluster="prod"} 1x120
			kohort_group_reading_age_seconds{ORDERS} 2x10 2+30x40 3x60
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="billing"} 2x10 2+30x60
			kohort_group_slots{namespace="shop",name="orders",state="desired"} 3x120
			kohort_group_slots{namespace="shop",name="new",state="desired"} _x20 1x100`,
		until: 30 * time.Minute,
		fires: []string{"KohortGroupNotRead", "KohortGroupNotRead", "KohortGroupNotRead"},
	},
	{
		name: "a cluster that does not answer",
		// One alert, and none for each of its groups. A group of another cluster has its own.
		series: `
			kohort_kafka_cluster_up{namespace="shop",cluster="prod"} 1x10 0x60 1x60
			kohort_kafka_cluster_up{namespace="shop",cluster="test"} 1x10 0x8 1x120
			kohort_group_reading_age_seconds{ORDERS} 2x10 2+30x60 2x60
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="billing",name="billing"} 2x10 2+30x60 2x60
			kohort_group_reading_age_seconds{namespace="shop",cluster="test",group="trial",name="trial"} 2x10 2+30x120
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="new",name="new"} _x10 0+30x61 2x60
			kohort_group_slots{namespace="shop",name="new",state="desired"} _x10 1x130
			kohort_group_lag{ORDERS} 5x10 stale _x59 5x60
			kohort_group_lag{namespace="shop",cluster="prod",group="billing",name="billing"} 5x10 stale _x59 5x60
			kohort_group_lag{namespace="shop",cluster="prod",group="new",name="new"} _x72 5x60`,
		until: 45 * time.Minute,
		fires: []string{"KohortKafkaClusterUnreachable", "KohortGroupNotRead"},
	},
	{
		name: "a lag that is not known",
		series: `
			kohort_group_reading_age_seconds{ORDERS} 2x120
			kohort_group_lag{ORDERS} 5x10 stale _x59 5x60
			kohort_group_partition_status{ORDERS,topic="orders",partition="3",status="UNKNOWN"} _x11 1x60 stale
			kohort_group_partition_status{ORDERS,topic="orders",partition="4",status="UNKNOWN"} _x11 1x60 stale
			kohort_group_slots{namespace="shop",name="orders",state="desired"} 3x120
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="quiet",name="quiet"} 2x120
			kohort_group_slots{namespace="shop",name="quiet",state="desired"} 0x120`,
		until: time.Hour,
		fires: []string{"KohortGroupLagUnknown"},
	},
	{
		name: "releases that fail, and one that is rolled back now",
		series: `
			kohort_group_rollout_stage{namespace="shop",name="orders",stage="Progressing"} 1x20 0x60
			kohort_group_rollout_stage{namespace="shop",name="orders",stage="RollingBack"} 0x20 1x10 0x60
			kohort_group_rollout_stage{namespace="shop",name="orders",stage="RolledBack"} 0x31 1x20 0x40
			kohort_group_rollout_stage{namespace="shop",name="billing",stage="Paused"} 0x20 1x60
			kohort_group_rollout_stage{namespace="shop",name="billing",stage="RolledBack"} 0x80
			kohort_group_rollout_stage{namespace="shop",name="new",stage="RollingBack"} 1x80
			kohort_group_slots{namespace="shop",name="billing",state="desired"} 6x80
			kohort_group_slots{namespace="shop",name="billing",state="updated"} 2x80
			kohort_group_reading_age_seconds{namespace="shop",cluster="prod",group="billing",name="billing"} 2x80
			kohort_group_lag{namespace="shop",cluster="prod",group="billing",name="billing"} 0x80`,
		until: 35 * time.Minute,
		fires: []string{"KohortRolloutStopped", "KohortRolloutStopped"},
	},
	{
		name: "no operator leads",
		series: `
			leader_election_master_status{name="kohort.dev",pod="kohort-a"} 1x20 stale
			leader_election_master_status{name="kohort.dev",pod="kohort-b"} 0x60 1x60
			leader_election_master_status{name="other.example.com",pod="other"} 1x120`,
		until: 40 * time.Minute,
		fires: []string{"KohortOperatorAbsent"},
	},
}
