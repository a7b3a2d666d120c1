package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"leadrelay/internal/store"
)

func (d Doctor) database(ctx context.Context) []Finding {
	if d.Settings.Database == "" {
		return nil // the settings could not be read
	}
	if d.Settings.Database.IsServer() {
		return d.databaseServer(ctx)
	}
	path := string(d.Settings.Database)
	dir := filepath.Dir(path)
	return slices.Concat(d.databaseFile(ctx, path), modes(path), []Finding{room(dir), speed(dir)})
}

func (d Doctor) databaseServer(ctx context.Context) (all []Finding) {
	about := "database " + d.Settings.Database.String()
	seen, err := store.Look(ctx, string(d.Settings.Database))
	if err != nil {
		return []Finding{{Trouble, about, err.Error(), "Posts get 503 until it answers: see that the server runs, and that LEADRELAY_DATABASE has its address, user and password."}}
	}
	all = append(all, schema(about, seen))
	all = append(all, fine(about, "PostgreSQL "+seen.Version+" answers"))
	for _, name := range seen.Risks {
		all = append(all, Finding{Trouble, about, name + " is off: a power cut of its machine loses inquiries that were acknowledged", "Set " + name + " to on."})
	}
	return all
}

func (d Doctor) databaseFile(ctx context.Context, path string) []Finding {
	about := "database " + path
	switch seen, err := store.Look(ctx, path); {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{{Warning, about, "it is not there", "The first start makes it. If there was one, restore a backup: leadrelay restore FILE."}}
	case errors.Is(err, fs.ErrPermission):
		return []Finding{{Warning, about, "it may not be read by this user", "Run doctor as the relay's user."}}
	case err != nil:
		return []Finding{{Trouble, about, err.Error(), "The relay does not start with it; deploy/README.md, \"A damaged disk\", says how to go on."}}
	default:
		return []Finding{schema(about, seen)}
	}
}

func schema(about string, seen store.Seen) Finding {
	switch {
	case seen.Oldest > seen.Knows:
		return Finding{Trouble, about, fmt.Sprintf("it has schema %d, and this leadrelay knows only %d", seen.Schema, seen.Knows), "Start the newer leadrelay, or restore a backup from before the upgrade."}
	case seen.Schema < seen.Knows:
		return Finding{Warning, about, fmt.Sprintf("it has schema %d, and the next start makes it %d", seen.Schema, seen.Knows), "Make a backup before: leadrelay backup FILE."}
	}
	return fine(about, fmt.Sprintf("it can be read, and has schema %d", seen.Schema))
}

// modes looks at who may read the files: they have personal data.
func modes(path string) (all []Finding) {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Lstat(name)
		if err != nil {
			continue
		}
		if info.Mode().Perm()&0o077 != 0 {
			all = append(all, Finding{Trouble, name, fmt.Sprintf("others may read it (mode %04o), and it has personal data", info.Mode().Perm()), "Run: chmod 600 " + name})
		}
	}
	return all
}

// room looks at how much is free on the disk.
func room(dir string) Finding {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		return Finding{Trouble, "folder " + dir, err.Error(), "Make the folder, and give it to the relay's user: the relay makes none."}
	}
	return roomOf(dir, int64(disk.Bavail)*int64(disk.Bsize), int64(disk.Blocks)*int64(disk.Bsize)) //nolint:gosec,unconvert // the types differ by system
}

func roomOf(dir string, free, all int64) Finding {
	const parts, least = 10, 500_000_000 // a tenth, and bytes
	about, says := "folder "+dir, fmt.Sprintf("%d MB of %d MB are free", free/1e6, all/1e6)
	if free < least || free < all/parts {
		return Finding{Trouble, about, says, "Make room: a full disk takes no inquiry. See deploy/README.md, \"A full disk\"."}
	}
	return fine(about, says)
}

// speed measures how long the disk takes for what an inquiry waits for.
func speed(dir string) Finding {
	f, err := os.CreateTemp(dir, "leadrelay-doctor-*")
	if err != nil {
		return Finding{Warning, "folder " + dir, "it may not be written by this user", "Run doctor as the relay's user. If you did, give it the folder."}
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	took := make([]time.Duration, 5)
	for i := range took {
		begun := time.Now()
		if _, err = f.WriteAt(make([]byte, 4096), 0); err == nil {
			err = f.Sync()
		}
		if err != nil {
			return Finding{Trouble, "disk of " + dir, err.Error(), "Nothing can be written there: see to the disk."}
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	return speedOf(dir, took[len(took)/2])
}

func speedOf(dir string, median time.Duration) Finding {
	const slow = 50 * time.Millisecond
	says := fmt.Sprintf("it takes %s to write 4 KiB for good", median.Round(10*time.Microsecond))
	if median > slow {
		return Finding{Warning, "disk of " + dir, says + ", and each inquiry waits for that", "Put the database on a local disk, not on a network's."}
	}
	return fine("disk of "+dir, says)
}
