package doctor

import "io/fs"

// accountOf and ownersOf tell nothing: access lists are not judged.
func accountOf(string) account { return account{} }

func ownersOf(fs.FileInfo) (owner, group int) { return 0, 0 }
