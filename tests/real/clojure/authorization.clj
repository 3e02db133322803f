;; Who may do what by an auth.conf, as the puppetserver itself decides it: for tests/real/confrules.py.
;;
;; Standard input: an EDN vector of [file, certname or nil, extensions, method, path]. Standard output: a
;; line for each, "true" or "false"; or what the puppetserver says when it refuses to start with that file.
(require '[clojure.edn :as edn]
         '[puppetlabs.config.typesafe :as typesafe]
         '[puppetlabs.trapperkeeper.authorization.rules :as rules]
         '[puppetlabs.trapperkeeper.services.authorization.authorization-core :as core])

(def rules-of
  (memoize (fn [file]
             (-> (typesafe/config-file->map file) :authorization core/validate-auth-config! :rules core/transform-config))))

(defn allowed? [[file certname extensions method path]]
  (let [who {:name (or certname "") :authenticated (some? certname) :extensions extensions}
        request {:uri path :request-method (keyword method) :remote-addr "127.0.0.1" :authorization who}]
    (:authorized (rules/allowed? request (rules-of file) {} nil))))

(doseq [question (edn/read *in*)]
  (println (try (str (boolean (allowed? question)))
                (catch IllegalArgumentException e (.getMessage e)))))
(flush)
(System/exit 0)
